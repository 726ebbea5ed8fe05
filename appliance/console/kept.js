// Lists that outlast the page, in this browser alone.

/** A list of objects with an `id`, the last `most` of them; "change" is dispatched whenever it is another, in whichever tab
 * that was done. A browser that keeps nothing at all has it for as long as the page. */
export class Kept extends EventTarget {
  #name;
  #most;
  #items;

  constructor(name, most = Infinity) {
    super();
    this.#name = name;
    this.#most = most;
    this.#items = this.#read();
    addEventListener("storage", (event) => {
      if (event.key === this.#name || event.key === null) this.#become(this.#read(), false);
    });
  }

  get items() {
    return this.#items;
  }

  /** Adds to the end. Throws when the browser keeps no more. */
  add(...items) {
    this.#become([...this.#items, ...items].slice(-this.#most));
  }

  change(id, properties) {
    this.#become(this.#items.map((item) => (item.id === id ? { ...item, ...properties } : item)));
  }

  remove(...ids) {
    this.#become(this.#items.filter((item) => !ids.includes(item.id)));
  }

  #read() {
    try {
      const read = JSON.parse(localStorage.getItem(this.#name) ?? "[]");
      return Array.isArray(read) ? read.filter((item) => typeof item?.id === "string") : [];
    } catch {
      return [];
    }
  }

  #become(items, write = true) {
    if (write) {
      try {
        localStorage.setItem(this.#name, JSON.stringify(items));
      } catch (error) {
        if (error.name === "QuotaExceededError")
          throw new Error("This browser keeps no more: remove something from the tray.");
      }
    }
    this.#items = items;
    this.dispatchEvent(new Event("change"));
  }
}

/** A random name of 128 bits; `crypto.randomUUID` is missing where a page came in the clear. */
export function newName() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
