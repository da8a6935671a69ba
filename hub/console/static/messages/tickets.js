// The tickets page: work on devices, who does it, and what happened.

export default {
  en: {
    heading: "Tickets", csv: "CSV", open: "Open a ticket", open_title: "Open a ticket", state: "State", state_open: "open", state_closed: "closed", state_all: "all", ward: "Ward", all_wards: "All wards", technician: "Technician", span: "Opened", last_days: "last {n} days", ever: "ever",
    column_number: "Ticket", column_device: "Device", column_fault: "Fault", column_technician: "Technician", column_opened: "Opened", column_state: "State", none: "No ticket here.",
    fault_offline: "offline", fault_error: "error", fault_reported: "reported", is_stands: "fault stands", is_over: "fault over", is_unknown: "not known", is_closed: "closed",
    ticket: "Ticket {n}", device: "Device", bed: "Bed", no_bed: "at no bed", opened: "Opened", closed: "Closed", by_itself: "by itself", nobody: "nobody", flaps: "Times it came back", reason: "Reason", history: "History",
    kind_opened: "opened", kind_reopened: "opened again", kind_changed: "changed", kind_flapped: "came back", kind_recovered: "fault over", kind_assigned: "assigned", kind_noted: "note", kind_closed: "closed",
    assign: "Assign", note: "Note", close: "Close", assign_title: "Who works on ticket {n}?", note_title: "Note on ticket {n}", close_title: "Close ticket {n}", technician_hint: "Leave empty for nobody.", reason_hint: "The fault stands, or nobody knows: say why it is closed.",
  },
  de: {
    heading: "Tickets", csv: "CSV", open: "Ticket eröffnen", open_title: "Ticket eröffnen", state: "Stand", state_open: "offen", state_closed: "geschlossen", state_all: "alle", ward: "Station", all_wards: "Alle Stationen", technician: "Techniker", span: "Eröffnet", last_days: "letzte {n} Tage", ever: "jemals",
    column_number: "Ticket", column_device: "Gerät", column_fault: "Störung", column_technician: "Techniker", column_opened: "Eröffnet", column_state: "Stand", none: "Kein Ticket.",
    fault_offline: "offline", fault_error: "Fehler", fault_reported: "gemeldet", is_stands: "Störung besteht", is_over: "Störung vorbei", is_unknown: "nicht bekannt", is_closed: "geschlossen",
    ticket: "Ticket {n}", device: "Gerät", bed: "Bett", no_bed: "an keinem Bett", opened: "Eröffnet", closed: "Geschlossen", by_itself: "von selbst", nobody: "niemand", flaps: "Wiedergekehrt", reason: "Grund", history: "Verlauf",
    kind_opened: "eröffnet", kind_reopened: "wieder eröffnet", kind_changed: "geändert", kind_flapped: "wiedergekehrt", kind_recovered: "Störung vorbei", kind_assigned: "zugewiesen", kind_noted: "Notiz", kind_closed: "geschlossen",
    assign: "Zuweisen", note: "Notiz", close: "Schließen", assign_title: "Wer arbeitet an Ticket {n}?", note_title: "Notiz zu Ticket {n}", close_title: "Ticket {n} schließen", technician_hint: "Leer lassen für niemand.", reason_hint: "Die Störung besteht, oder niemand weiß es: bitte den Grund nennen.",
  },
  fr: {
    heading: "Tickets", csv: "CSV", open: "Ouvrir un ticket", open_title: "Ouvrir un ticket", state: "État", state_open: "ouverts", state_closed: "fermés", state_all: "tous", ward: "Service", all_wards: "Tous les services", technician: "Technicien", span: "Ouvert", last_days: "{n} derniers jours", ever: "depuis toujours",
    column_number: "Ticket", column_device: "Appareil", column_fault: "Panne", column_technician: "Technicien", column_opened: "Ouvert", column_state: "État", none: "Aucun ticket.",
    fault_offline: "hors ligne", fault_error: "erreur", fault_reported: "signalée", is_stands: "panne en cours", is_over: "panne terminée", is_unknown: "inconnu", is_closed: "fermé",
    ticket: "Ticket {n}", device: "Appareil", bed: "Lit", no_bed: "à aucun lit", opened: "Ouvert", closed: "Fermé", by_itself: "automatiquement", nobody: "personne", flaps: "Réapparitions", reason: "Motif", history: "Historique",
    kind_opened: "ouvert", kind_reopened: "rouvert", kind_changed: "modifié", kind_flapped: "réapparue", kind_recovered: "panne terminée", kind_assigned: "attribué", kind_noted: "note", kind_closed: "fermé",
    assign: "Attribuer", note: "Note", close: "Fermer", assign_title: "Qui s'occupe du ticket {n} ?", note_title: "Note sur le ticket {n}", close_title: "Fermer le ticket {n}", technician_hint: "Laisser vide pour personne.", reason_hint: "La panne persiste, ou on ne sait pas : indiquez le motif.",
  },
  es: {
    heading: "Tickets", csv: "CSV", open: "Abrir un ticket", open_title: "Abrir un ticket", state: "Estado", state_open: "abiertos", state_closed: "cerrados", state_all: "todos", ward: "Planta", all_wards: "Todas las plantas", technician: "Técnico", span: "Abierto", last_days: "últimos {n} días", ever: "siempre",
    column_number: "Ticket", column_device: "Dispositivo", column_fault: "Fallo", column_technician: "Técnico", column_opened: "Abierto", column_state: "Estado", none: "Ningún ticket.",
    fault_offline: "desconectado", fault_error: "error", fault_reported: "notificado", is_stands: "el fallo sigue", is_over: "fallo terminado", is_unknown: "no se sabe", is_closed: "cerrado",
    ticket: "Ticket {n}", device: "Dispositivo", bed: "Cama", no_bed: "en ninguna cama", opened: "Abierto", closed: "Cerrado", by_itself: "por sí solo", nobody: "nadie", flaps: "Veces que volvió", reason: "Motivo", history: "Historial",
    kind_opened: "abierto", kind_reopened: "reabierto", kind_changed: "cambiado", kind_flapped: "volvió", kind_recovered: "fallo terminado", kind_assigned: "asignado", kind_noted: "nota", kind_closed: "cerrado",
    assign: "Asignar", note: "Nota", close: "Cerrar", assign_title: "¿Quién trabaja en el ticket {n}?", note_title: "Nota en el ticket {n}", close_title: "Cerrar el ticket {n}", technician_hint: "Vacío: nadie.", reason_hint: "El fallo sigue, o no se sabe: indique el motivo.",
  },
  ar: {
    heading: "البلاغات", csv: "CSV", open: "فتح بلاغ", open_title: "فتح بلاغ", state: "الحالة", state_open: "مفتوحة", state_closed: "مغلقة", state_all: "الكل", ward: "الجناح", all_wards: "كل الأجنحة", technician: "الفني", span: "فُتح", last_days: "آخر {n} يومًا", ever: "منذ البداية",
    column_number: "البلاغ", column_device: "الجهاز", column_fault: "العطل", column_technician: "الفني", column_opened: "فُتح", column_state: "الحالة", none: "لا بلاغات.",
    fault_offline: "غير متصل", fault_error: "خطأ", fault_reported: "مُبلَّغ عنه", is_stands: "العطل قائم", is_over: "انتهى العطل", is_unknown: "غير معروف", is_closed: "مغلق",
    ticket: "البلاغ {n}", device: "الجهاز", bed: "السرير", no_bed: "ليس عند سرير", opened: "فُتح", closed: "أُغلق", by_itself: "تلقائيًا", nobody: "لا أحد", flaps: "مرات العودة", reason: "السبب", history: "السجل",
    kind_opened: "فُتح", kind_reopened: "أُعيد فتحه", kind_changed: "تغيّر", kind_flapped: "عاد", kind_recovered: "انتهى العطل", kind_assigned: "أُسند", kind_noted: "ملاحظة", kind_closed: "أُغلق",
    assign: "إسناد", note: "ملاحظة", close: "إغلاق", assign_title: "من يعمل على البلاغ {n}؟", note_title: "ملاحظة على البلاغ {n}", close_title: "إغلاق البلاغ {n}", technician_hint: "اتركه فارغًا: لا أحد.", reason_hint: "العطل قائم أو غير معروف: اذكر السبب.",
  },
};
