// What a search quotes has each formula once, as its characters: without its TeX, and without the
// same characters again as they are drawn.  Sphinx reads the pages in Search.htmlToText.

const read = Search.htmlToText;
Search.htmlToText = (html, anchor) => {
  const page = new DOMParser().parseFromString(html, "text/html");
  for (const twice of page.querySelectorAll(".katex-html, annotation")) twice.remove();
  return read(page.documentElement.outerHTML, anchor);
};
