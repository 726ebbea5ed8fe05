// Drawings that stay sharp: drawn again when their size or the theme changes.

const dark = matchMedia("(prefers-color-scheme: dark)");

/** Has `paint(context, width, height, colour)` draw on the canvas, in CSS pixels; `colour("speech")` is `--speech` of the
 * style sheet. Answers with what draws it anew. */
export function drawnOn(canvas, paint) {
  function draw() {
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!width || !height) return;
    const scale = devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const context = canvas.getContext("2d");
    context.scale(scale, scale);
    const style = getComputedStyle(canvas);
    paint(context, width, height, (name) => style.getPropertyValue(`--${name}`).trim());
  }
  new ResizeObserver(draw).observe(canvas);
  dark.addEventListener("change", () => requestAnimationFrame(draw));
  return draw;
}
