// The wall display before it is bound.

export default {
  en: {
    heading: "Bind this display", how: "On another device, sign in, open People, then Screens, and enter this code.", unreachable: "The console does not answer. Trying again.",
    waiting: "Waiting until somebody agrees. The code lasts until {time}.", notice: "Secondary notification. Not a primary alarm: the bedside monitor is.",
  },
  de: {
    heading: "Diese Anzeige zuordnen", how: "An einem anderen Gerät anmelden, Personen und dann Bildschirme öffnen und diesen Code eingeben.", unreachable: "Die Konsole antwortet nicht. Neuer Versuch.",
    waiting: "Wartet auf Zustimmung. Der Code gilt bis {time}.", notice: "Sekundäre Benachrichtigung. Kein primärer Alarm: das ist der Monitor am Bett.",
  },
  fr: {
    heading: "Associer cet écran", how: "Sur un autre appareil, connectez-vous, ouvrez Personnes, puis Écrans, et saisissez ce code.", unreachable: "La console ne répond pas. Nouvel essai.",
    waiting: "En attente d’accord. Le code vaut jusqu’à {time}.", notice: "Notification secondaire. Ce n’est pas l’alarme primaire : c’est le moniteur au lit qui l’est.",
  },
  es: {
    heading: "Vincular esta pantalla", how: "En otro equipo, inicie sesión, abra Personas y luego Pantallas, e introduzca este código.", unreachable: "La consola no responde. Se intenta de nuevo.",
    waiting: "A la espera de que alguien lo acepte. El código vale hasta {time}.", notice: "Notificación secundaria. No es la alarma primaria: lo es el monitor de cabecera.",
  },
  ar: {
    heading: "اربط هذه الشاشة", how: "على جهاز آخر سجّل الدخول وافتح الأشخاص ثم الشاشات وأدخل هذا الرمز.", unreachable: "وحدة العرض لا تجيب. تُعاد المحاولة.",
    waiting: "بانتظار الموافقة. الرمز صالح حتى {time}.", notice: "إشعار ثانوي. ليس الإنذار الأساسي: الإنذار الأساسي هو جهاز المراقبة بجانب السرير.",
  },
};
