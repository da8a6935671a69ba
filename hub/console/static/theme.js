// Before anything is drawn: the theme and the direction of reading that this screen has chosen.
// A plain script, loaded in the head: a module would come after the first picture.

(() => {
  const root = document.documentElement;
  const chosen = (name) => {
    try {
      return localStorage.getItem(`wardline.${name}`) ?? "";
    } catch {
      return "";
    }
  };
  if (["dark", "light", "contrast", "safe"].includes(chosen("theme"))) root.dataset.theme = chosen("theme");
  if (["en", "de", "fr", "es", "ar"].includes(chosen("language"))) root.lang = chosen("language");
  root.dir = root.lang === "ar" ? "rtl" : "ltr";
})();
