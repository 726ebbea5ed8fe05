// What happens is told to those who listen instead of looking; the region stands in the page from the start.

/** Has screen readers say `words` when they have a moment. */
export function announce(words) {
  const region = document.getElementById("announcer");
  region.textContent = "";
  // Emptied first: the same words a second time would be no change.
  requestAnimationFrame(() => (region.textContent = words));
}
