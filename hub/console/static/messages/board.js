// The ward board and its tiles.

export default {
  en: {
    beds: "Beds", bed: "Bed", equipment: "Equipment",
    acknowledge: "Acknowledge", reset: "Reset", acknowledge_what: "Acknowledge: {what}", reset_what: "Reset: {what}",
    ack_short: "ACK", reset_short: "RESET",
    not_acknowledged: "Not acknowledged: {why}.", not_reset: "Not reset: {why}.",
  },
  de: {
    beds: "Betten", bed: "Bett", equipment: "Ausrüstung",
    acknowledge: "Bestätigen", reset: "Zurücksetzen", acknowledge_what: "Bestätigen: {what}", reset_what: "Zurücksetzen: {what}",
    ack_short: "OK", reset_short: "RESET",
    not_acknowledged: "Nicht bestätigt: {why}.", not_reset: "Nicht zurückgesetzt: {why}.",
  },
  fr: {
    beds: "Lits", bed: "Lit", equipment: "Équipement",
    acknowledge: "Acquitter", reset: "Réinitialiser", acknowledge_what: "Acquitter : {what}", reset_what: "Réinitialiser : {what}",
    ack_short: "ACQ", reset_short: "RÉINIT",
    not_acknowledged: "Non acquittée : {why}.", not_reset: "Non réinitialisée : {why}.",
  },
  es: {
    beds: "Camas", bed: "Cama", equipment: "Equipamiento",
    acknowledge: "Reconocer", reset: "Restablecer", acknowledge_what: "Reconocer: {what}", reset_what: "Restablecer: {what}",
    ack_short: "OK", reset_short: "REST.",
    not_acknowledged: "No reconocida: {why}.", not_reset: "No restablecida: {why}.",
  },
  ar: {
    beds: "الأسرّة", bed: "سرير", equipment: "المعدات",
    acknowledge: "تأكيد", reset: "إعادة ضبط", acknowledge_what: "تأكيد: {what}", reset_what: "إعادة ضبط: {what}",
    ack_short: "تأكيد", reset_short: "ضبط",
    not_acknowledged: "لم يُؤكَّد: {why}.", not_reset: "لم تتم إعادة الضبط: {why}.",
  },
};
