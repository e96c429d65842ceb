/**
 * Import this before the UI toolkit. The toolkit finds out whether the browser knows `:focus-visible` by adding an
 * empty `<style>` to the page and a rule to its sheet, and takes it out again. Our policy refuses inline styles, so
 * it would report an error and conclude that the browser does not, and then every mouse click would draw a focus
 * ring. So the probe, and only the probe, gets a sheet without ever being part of the page.
 */
const { head } = document;

head.appendChild = <T extends Node>(node: T): T => {
  Reflect.deleteProperty(head, "appendChild");
  if (!(node instanceof HTMLStyleElement)) return head.appendChild(node);
  Object.defineProperty(node, "sheet", { value: new CSSStyleSheet() });
  head.removeChild = <R extends Node>(removed: R): R => {
    Reflect.deleteProperty(head, "removeChild");
    return removed === (node as Node) ? removed : head.removeChild(removed);
  };
  return node;
};
