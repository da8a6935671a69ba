// The door: signing in, and choosing a password by a link.

export default {
  en: {
    name: "Name", password: "Password", show: "Show the password", sign_in: "Sign in", sign_in_go: "Sign in", choose: "Choose a password", choose_go: "Choose and sign in",
    choose_text: "For the account {name}. This link works once.", first: "The first administrator", first_text: "Choose a name and a password. This account makes the accounts of all others.",
    rule: "At least 12 characters. A few words in a row are easy to keep in mind; no special signs are needed.",
  },
  de: {
    name: "Name", password: "Passwort", show: "Passwort zeigen", sign_in: "Anmelden", sign_in_go: "Anmelden", choose: "Passwort wählen", choose_go: "Wählen und anmelden",
    choose_text: "Für das Konto {name}. Dieser Link gilt einmal.", first: "Die erste Verwaltung", first_text: "Einen Namen und ein Passwort wählen. Dieses Konto legt die Konten aller anderen an.",
    rule: "Mindestens 12 Zeichen. Ein paar Wörter hintereinander merken sich leicht; Sonderzeichen sind nicht nötig.",
  },
  fr: {
    name: "Nom", password: "Mot de passe", show: "Afficher le mot de passe", sign_in: "Connexion", sign_in_go: "Se connecter", choose: "Choisir un mot de passe", choose_go: "Choisir et se connecter",
    choose_text: "Pour le compte {name}. Ce lien ne sert qu’une fois.", first: "Premier administrateur", first_text: "Choisissez un nom et un mot de passe. Ce compte crée ceux de tous les autres.",
    rule: "Au moins 12 caractères. Quelques mots à la suite se retiennent bien ; aucun signe spécial n’est exigé.",
  },
  es: {
    name: "Nombre", password: "Contraseña", show: "Mostrar la contraseña", sign_in: "Iniciar sesión", sign_in_go: "Entrar", choose: "Elegir una contraseña", choose_go: "Elegir y entrar",
    choose_text: "Para la cuenta {name}. Este enlace sirve una vez.", first: "El primer administrador", first_text: "Elija un nombre y una contraseña. Esta cuenta crea las de todos los demás.",
    rule: "Al menos 12 caracteres. Unas palabras seguidas se recuerdan bien; no hacen falta signos especiales.",
  },
  ar: {
    name: "الاسم", password: "كلمة المرور", show: "إظهار كلمة المرور", sign_in: "تسجيل الدخول", sign_in_go: "دخول", choose: "اختيار كلمة مرور", choose_go: "اختيار ودخول",
    choose_text: "للحساب {name}. يعمل هذا الرابط مرة واحدة.", first: "المسؤول الأول", first_text: "اختر اسمًا وكلمة مرور. هذا الحساب ينشئ حسابات جميع الآخرين.",
    rule: "12 حرفًا على الأقل. بضع كلمات متتالية يسهل تذكرها؛ لا حاجة إلى رموز خاصة.",
  },
};
