// Theme, contents, search and printing of the course's pages. Nothing here is needed to read them.
"use strict";

// ------------------------------------------------------------------------------- light and dark, before it paints

const stored = {
  get() { try { return localStorage.getItem("theme"); } catch { return null; } }, // a browser may forbid it
  set(theme) { try { localStorage.setItem("theme", theme); } catch { /* then it holds for this page alone */ } },
};
const system = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
if (["light", "dark"].includes(stored.get())) document.documentElement.dataset.theme = stored.get();

document.addEventListener("DOMContentLoaded", () => {
  const theme = document.getElementById("Theme");
  const show = () => theme.setAttribute("aria-pressed", String(isDark()));
  theme.hidden = false;
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    stored.set(document.documentElement.dataset.theme);
    show();
  });
  system.addEventListener("change", show);
  show();

  // ------------------------------------------------------------------- contents: open beside the text, folded above

  const contents = document.getElementById("Contents");
  const wide = matchMedia("(min-width: 62rem)");
  const fold = () => { contents.open = wide.matches; };
  wide.addEventListener("change", fold);
  fold();
  // The contents scroll by themselves, and the page's own entry may lie below their edge.
  const here = contents.querySelector("[aria-current=page]");
  if (here && wide.matches && here.getBoundingClientRect().bottom > innerHeight) {
    contents.closest("nav").scrollTop += here.getBoundingClientRect().top - innerHeight / 3;
  }
  contents.addEventListener("click", (event) => {
    if (event.target.closest("a") && !wide.matches) contents.open = false;
  });

  // A box that scrolls has to be reached by keyboard.
  const reach = () => {
    for (const box of document.querySelectorAll("pre, .scroll, math[display=block]")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  addEventListener("resize", reach);
  reach();

  // On paper an answer cannot be unfolded.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("main details:not([open])")];
    for (const box of folded) box.open = true;
  });
  addEventListener("afterprint", () => { for (const box of folded) box.open = false; });

  search();
});

// ---------------------------------------------------------------------------------------------------------- search

let sections = null;
function searchIndex(list) { sections = list; } // what search-index.js calls

function search() {
  const MOST = 25;
  const form = document.getElementById("Search"), query = document.getElementById("Query");
  const found = document.getElementById("Found"), hits = document.getElementById("Hits");
  const root = document.body.dataset.root;
  form.hidden = false;

  let asked = false;
  const load = () => {
    if (asked) return;
    asked = true;
    const script = document.createElement("script");
    script.src = root + "search-index.js";
    script.addEventListener("load", show);
    document.head.append(script);
  };

  // Every word has to be there; headings count most, then text, then code; the start of a word more than its middle.
  const rank = (section, words) => {
    let sum = 0;
    for (const word of words) {
      let best = 0;
      section.slice(1).forEach((part, place) => {
        const weight = [6, 8, 2, 1][place], text = part.toLowerCase();
        for (let at = text.indexOf(word); at >= 0 && best < weight; at = text.indexOf(word, at + 1)) {
          const starts = at === 0 || !/[\p{L}\p{N}]/u.test(text[at - 1]);
          best = Math.max(best, starts ? weight : weight / 4);
        }
      });
      if (!best) return 0;
      sum += best;
    }
    return sum;
  };

  const excerpt = (section, words) => {
    const [text, code] = section.slice(3);
    const firstIn = (part) => Math.min(...words.map((word) => part.toLowerCase().indexOf(word)).filter((at) => at >= 0));
    const part = isFinite(firstIn(text)) || !isFinite(firstIn(code)) ? text : code;
    const at = isFinite(firstIn(part)) ? firstIn(part) : 0;
    const from = at < 60 ? 0 : part.indexOf(" ", at - 60) + 1;
    return (from ? "… " : "") + part.slice(from, from + 180) + (part.length > from + 180 ? " …" : "");
  };

  // As text and marks only, never as HTML: what is found is shown as it stands in the lesson.
  const marked = (text, words) => {
    const line = document.createElement("p"), lower = text.toLowerCase();
    let from = 0;
    while (from < text.length) {
      const next = words.map((word) => [lower.indexOf(word, from), word.length]).filter(([at]) => at >= 0)
        .sort((a, b) => a[0] - b[0] || b[1] - a[1])[0];
      if (!next) break;
      line.append(text.slice(from, next[0]));
      const mark = document.createElement("mark");
      mark.textContent = text.slice(next[0], next[0] + next[1]);
      line.append(mark);
      from = next[0] + next[1];
    }
    line.append(text.slice(from));
    return line;
  };

  function show() {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    found.hidden = !words.length || !sections;
    if (found.hidden) return;
    const ranked = sections.map((section) => [rank(section, words), section]).filter(([value]) => value)
      .sort((a, b) => b[0] - a[0]);
    const amount = ranked.length;
    document.getElementById("Count").textContent =
      amount === 0 ? "Nothing found" : amount > MOST ? `${MOST} of ${amount} sections` : `${amount} section${amount === 1 ? "" : "s"}`;
    hits.replaceChildren(...ranked.slice(0, MOST).map(([, section]) => {
      const item = document.createElement("li"), link = document.createElement("a");
      link.href = root + section[0];
      link.textContent = section[2] ? `${section[1]}: ${section[2]}` : section[1];
      item.append(link, marked(excerpt(section, words), words));
      return item;
    }));
  }

  query.addEventListener("focus", load);
  query.addEventListener("input", () => { load(); show(); });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    hits.querySelector("a")?.click();
  });
  const close = () => { found.hidden = true; };
  hits.addEventListener("click", (event) => { if (event.target.closest("a")) close(); });
  document.addEventListener("click", (event) => { if (!form.contains(event.target)) close(); });
  form.addEventListener("focusout", (event) => { if (event.relatedTarget && !form.contains(event.relatedTarget)) close(); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !found.hidden) { close(); query.focus(); }
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.target.closest("input, textarea")) {
      event.preventDefault();
      query.focus();
    }
  });
}
