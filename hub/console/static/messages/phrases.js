// Words that many pages use: ages, priorities, answers of the console.

export default {
  en: {
    seconds: "{n} s", minutes: "{n} min", hours: "{n} h", days: "{n} d", ago: "{span} ago",
    no_answer: "The console did not answer. Try again.",
    cancel: "Cancel", close: "Close", save: "Save", yes: "Yes", required: "required", loading: "Loading…", nothing: "Nothing here yet.",
    high: "high priority", medium: "medium priority", low: "low priority", technical: "technical",
    active: "active", acknowledged: "acknowledged", latched: "latched", audio_paused: "sound paused", alarms_paused: "alarms paused",
  },
  de: {
    seconds: "{n} s", minutes: "{n} min", hours: "{n} h", days: "{n} d", ago: "vor {span}",
    no_answer: "Die Konsole hat nicht geantwortet. Noch einmal versuchen.",
    cancel: "Abbrechen", close: "Schließen", save: "Speichern", yes: "Ja", required: "nötig", loading: "Wird geladen…", nothing: "Noch nichts vorhanden.",
    high: "hohe Priorität", medium: "mittlere Priorität", low: "niedrige Priorität", technical: "technisch",
    active: "aktiv", acknowledged: "bestätigt", latched: "gehalten", audio_paused: "Ton pausiert", alarms_paused: "Alarme pausiert",
  },
  fr: {
    seconds: "{n} s", minutes: "{n} min", hours: "{n} h", days: "{n} j", ago: "il y a {span}",
    no_answer: "La console n’a pas répondu. Réessayez.",
    cancel: "Annuler", close: "Fermer", save: "Enregistrer", yes: "Oui", required: "obligatoire", loading: "Chargement…", nothing: "Rien ici pour l’instant.",
    high: "priorité haute", medium: "priorité moyenne", low: "priorité basse", technical: "technique",
    active: "active", acknowledged: "acquittée", latched: "mémorisée", audio_paused: "son suspendu", alarms_paused: "alarmes suspendues",
  },
  es: {
    seconds: "{n} s", minutes: "{n} min", hours: "{n} h", days: "{n} d", ago: "hace {span}",
    no_answer: "La consola no ha respondido. Inténtelo de nuevo.",
    cancel: "Cancelar", close: "Cerrar", save: "Guardar", yes: "Sí", required: "obligatorio", loading: "Cargando…", nothing: "Aún no hay nada.",
    high: "prioridad alta", medium: "prioridad media", low: "prioridad baja", technical: "técnica",
    active: "activa", acknowledged: "reconocida", latched: "retenida", audio_paused: "sonido en pausa", alarms_paused: "alarmas en pausa",
  },
  ar: {
    seconds: "{n} ث", minutes: "{n} د", hours: "{n} س", days: "{n} ي", ago: "قبل {span}",
    no_answer: "لم تُجب وحدة العرض. أعد المحاولة.",
    cancel: "إلغاء", close: "إغلاق", save: "حفظ", yes: "نعم", required: "إلزامي", loading: "جارٍ التحميل…", nothing: "لا شيء هنا بعد.",
    high: "أولوية عالية", medium: "أولوية متوسطة", low: "أولوية منخفضة", technical: "تقني",
    active: "نشط", acknowledged: "مُؤكَّد", latched: "محفوظ", audio_paused: "الصوت موقوف مؤقتًا", alarms_paused: "الإنذارات موقوفة مؤقتًا",
  },
};
