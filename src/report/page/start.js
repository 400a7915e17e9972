/* The page begins here. */

const THEMES = ["auto", "light", "dark"];
const THEME_NAMES = { auto: "automatic", light: "light", dark: "dark" };
function remembered() {
  try {
    return localStorage.getItem("assay-theme") || "auto";
  } catch {
    return "auto";
  }
}
let theme = THEMES.includes(remembered()) ? remembered() : "auto";
const dark = matchMedia("(prefers-color-scheme: dark)");
function applyTheme() {
  document.documentElement.dataset.theme = theme === "auto" ? (dark.matches ? "dark" : "light") : theme;
  document.getElementById("theme").textContent = `Theme: ${THEME_NAMES[theme]}`;
  repaint();
}
document.getElementById("theme").addEventListener("click", () => {
  theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  try {
    localStorage.setItem("assay-theme", theme);
  } catch {
    /* a file that may not remember anything */
  }
  applyTheme();
});
dark.addEventListener("change", applyTheme);

/* Paper is white: light colours, and every chart drawn. */
addEventListener("beforeprint", toPaper);
addEventListener("afterprint", () => {
  fromPaper();
  applyTheme();
});
document.getElementById("print").addEventListener("click", () => print());

const PAGES = { run: runPage, comparison: comparisonPage, sweep: sweepPage, index: indexPage };
(function begin() {
  const content = document.getElementById("content");
  let d;
  try {
    d = JSON.parse(document.getElementById("document").textContent);
  } catch (e) {
    content.append(el("p", { class: "empty" }, `This file is damaged: ${e.message}`));
    return;
  }
  applyTheme();
  const page = PAGES[d.kind];
  if (!page) {
    content.append(el("p", { class: "empty" }, `This page does not know documents of the kind ${d.kind}.`));
    return;
  }
  content.append(...page(d).filter(Boolean));
  document.getElementById("contents").append(...contents.map(([id, title]) => el("a", { href: "#" + id }, title)));
  document.getElementById("foot").append(`Made by Assay ${d.assay.version}. Past results, and more so the best of many, are no promise. Charts: Apache ECharts.`);
  if (matchMedia("print").matches) paintAll();
})();
