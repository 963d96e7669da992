/**
 * Print the public names of a module of the SDK as JSON: exports, members of classes, and for each
 * element its attributes and events. `scripts.public.sdk` runs it with the address of the module.
 */

const elements = {};
globalThis.HTMLElement = class {};
globalThis.CSSStyleSheet = class {
  replaceSync() {}
};
globalThis.customElements = {
  define(name, made) {
    elements[name] = made;
  },
};

const LIFECYCLE = /^(constructor|(dis)?connectedCallback|attributeChangedCallback|adoptedCallback)$/;

/** List a class and what it extends, up to the classes of the platform. */
function linesOf(made) {
  const above = Object.getPrototypeOf(made);
  return /\[native code\]/.test(String(made)) || made === HTMLElement ? [] : [made, ...linesOf(above)];
}

/** Collect what a pattern finds in the source of a class. */
function found(made, pattern) {
  return linesOf(made).flatMap((one) => [...String(one).matchAll(pattern)].map((match) => match[1]));
}

function sorted(names) {
  return [...new Set(names)].sort();
}

function membersOf(made) {
  const declared = linesOf(made).flatMap((one) => Object.getOwnPropertyNames(one.prototype));
  const assigned = found(made, /^    this\.([a-z]\w*) = /gm);
  return sorted([...declared, ...assigned].filter((name) => !name.startsWith("_") && !LIFECYCLE.test(name)));
}

function attributesOf(made) {
  return sorted([...(made.observedAttributes ?? []), ...found(made, /this\.(?:get|has)Attribute\("(\w+)"\)/g)]);
}

function eventsOf(made) {
  return sorted(found(made, /(?:CustomEvent|#dispatch)\("(lw-\w+)"/g));
}

const exported = await import(process.argv[2]);
const classes = Object.entries(exported).filter(([, one]) => /^class\b/.test(String(one)));
console.log(
  JSON.stringify({
    exports: sorted(Object.keys(exported)),
    members: Object.fromEntries(classes.map(([name, made]) => [name, membersOf(made)])),
    elements: Object.fromEntries(
      Object.entries(elements).map(([name, made]) => [
        name,
        { attributes: attributesOf(made), events: eventsOf(made), members: membersOf(made) },
      ]),
    ),
  }),
);
