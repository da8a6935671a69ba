// The devices page: gateways and devices, how they are and how they were.

export default {
  en: {
    heading: "Devices and gateways", fleet: "How the fleet is", show: "Show", all: "all states", state_online: "online", state_error: "error", state_offline: "offline", state_unknown: "unknown",
    none: "No gateway is registered.", none_so: "None is in this state.", gateway: "Gateway {name}", itself: "the gateway itself",
    column_device: "Device", column_state: "State", column_since: "Since", column_line: "Line", column_uptime: "Online 24 h / 7 d / 30 d", column_ticket: "Ticket", column_lasted: "Lasted", column_why: "Why",
    said: "Last word", never_spoke: "It has not spoken yet.", waiting: "Waiting for a receipt", waiting_of: "{n} of {accepted} records", clock: "Clock", ahead: "{span} ahead of the hub", behind: "{span} behind the hub", not_known: "not known", version: "Version", disk: "Disk", degraded: "takes nothing, readings are in memory only", look_at: "To look at",
    span: "Span", last_days: "last {n} days", went_through: "What it went through", nothing_known: "Nothing is known of this span.", all_tickets: "Tickets",
  },
  de: {
    heading: "Geräte und Gateways", fleet: "Zustand der Geräte", show: "Zeigen", all: "alle Zustände", state_online: "online", state_error: "Fehler", state_offline: "offline", state_unknown: "unbekannt",
    none: "Kein Gateway ist registriert.", none_so: "Keines ist in diesem Zustand.", gateway: "Gateway {name}", itself: "das Gateway selbst",
    column_device: "Gerät", column_state: "Zustand", column_since: "Seit", column_line: "Leitung", column_uptime: "Online 24 h / 7 T / 30 T", column_ticket: "Ticket", column_lasted: "Dauer", column_why: "Warum",
    said: "Letztes Wort", never_spoke: "Es hat sich noch nicht gemeldet.", waiting: "Warten auf Quittung", waiting_of: "{n} von {accepted} Datensätzen", clock: "Uhr", ahead: "{span} vor dem Hub", behind: "{span} hinter dem Hub", not_known: "nicht bekannt", version: "Version", disk: "Speicher", degraded: "nimmt nichts an, Messwerte nur im Arbeitsspeicher", look_at: "Nachsehen",
    span: "Zeitraum", last_days: "letzte {n} Tage", went_through: "Was es durchgemacht hat", nothing_known: "Über diesen Zeitraum ist nichts bekannt.", all_tickets: "Tickets",
  },
  fr: {
    heading: "Appareils et passerelles", fleet: "État du parc", show: "Afficher", all: "tous les états", state_online: "en ligne", state_error: "erreur", state_offline: "hors ligne", state_unknown: "inconnu",
    none: "Aucune passerelle enregistrée.", none_so: "Aucun dans cet état.", gateway: "Passerelle {name}", itself: "la passerelle elle-même",
    column_device: "Appareil", column_state: "État", column_since: "Depuis", column_line: "Ligne", column_uptime: "En ligne 24 h / 7 j / 30 j", column_ticket: "Ticket", column_lasted: "Durée", column_why: "Pourquoi",
    said: "Dernier message", never_spoke: "Elle n'a encore rien dit.", waiting: "En attente de reçu", waiting_of: "{n} sur {accepted} enregistrements", clock: "Horloge", ahead: "{span} en avance sur le hub", behind: "{span} en retard sur le hub", not_known: "inconnu", version: "Version", disk: "Disque", degraded: "refuse les données, mesures en mémoire seulement", look_at: "À vérifier",
    span: "Période", last_days: "{n} derniers jours", went_through: "Son parcours", nothing_known: "Rien n'est connu de cette période.", all_tickets: "Tickets",
  },
  es: {
    heading: "Dispositivos y pasarelas", fleet: "Estado del parque", show: "Mostrar", all: "todos los estados", state_online: "en línea", state_error: "error", state_offline: "desconectado", state_unknown: "desconocido",
    none: "No hay pasarelas registradas.", none_so: "Ninguno en este estado.", gateway: "Pasarela {name}", itself: "la propia pasarela",
    column_device: "Dispositivo", column_state: "Estado", column_since: "Desde", column_line: "Línea", column_uptime: "En línea 24 h / 7 d / 30 d", column_ticket: "Ticket", column_lasted: "Duración", column_why: "Por qué",
    said: "Último mensaje", never_spoke: "Aún no ha hablado.", waiting: "A la espera de recibo", waiting_of: "{n} de {accepted} registros", clock: "Reloj", ahead: "{span} por delante del hub", behind: "{span} por detrás del hub", not_known: "no se sabe", version: "Versión", disk: "Disco", degraded: "no acepta nada, lecturas solo en memoria", look_at: "Revisar",
    span: "Periodo", last_days: "últimos {n} días", went_through: "Lo que ha pasado", nothing_known: "No se sabe nada de este periodo.", all_tickets: "Tickets",
  },
  ar: {
    heading: "الأجهزة والبوابات", fleet: "حال الأجهزة", show: "عرض", all: "كل الحالات", state_online: "متصل", state_error: "خطأ", state_offline: "غير متصل", state_unknown: "غير معروف",
    none: "لا بوابة مسجَّلة.", none_so: "لا شيء في هذه الحالة.", gateway: "البوابة {name}", itself: "البوابة نفسها",
    column_device: "الجهاز", column_state: "الحالة", column_since: "منذ", column_line: "الخط", column_uptime: "متصل 24 س / 7 ي / 30 ي", column_ticket: "البلاغ", column_lasted: "المدة", column_why: "لماذا",
    said: "آخر رسالة", never_spoke: "لم تتكلم بعد.", waiting: "بانتظار الإيصال", waiting_of: "{n} من {accepted} سجلًا", clock: "الساعة", ahead: "{span} قبل المركز", behind: "{span} بعد المركز", not_known: "غير معروف", version: "الإصدار", disk: "القرص", degraded: "لا يقبل شيئًا، القراءات في الذاكرة فقط", look_at: "للفحص",
    span: "المدة", last_days: "آخر {n} أيام", went_through: "ما مرّ به", nothing_known: "لا يُعرف شيء عن هذه المدة.", all_tickets: "البلاغات",
  },
};
