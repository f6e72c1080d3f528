// Before the first paint: the theme that this browser chose. Nothing chosen: the system's.
(() => {
  try {
    const theme = localStorage.getItem("theme");
    if (theme) document.documentElement.dataset.theme = theme;
  } catch { /* storage may be forbidden: the system's theme is right then */ }
  document.documentElement.classList.add("js");
})();
