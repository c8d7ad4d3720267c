// SPDX-License-Identifier: Apache-2.0
const texts = JSON.parse(document.getElementById("texts").textContent);
const language = document.documentElement.lang;

/** The sentence of that key, with each {name} replaced by the value of that name. */
export function text(key, values = {}) {
  return texts[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** The sentence of that key for so many of what it counts, by the language's own rule. */
export function counted(key, count, values) {
  const isOne = new Intl.PluralRules(language).select(count) === "one";
  return text(isOne ? `${key}_one` : key, values);
}

/** A number as the reader's language writes it, with at most one decimal. */
export function number(value, options = {}) {
  return new Intl.NumberFormat(language, { maximumFractionDigits: 1, ...options }).format(value);
}
