// SPDX-License-Identifier: Apache-2.0
import { number, text } from "./texts.js";

const J_PER_WH = 3600;
const OVEN_W = 1000;

const BASES = {
  plug: text("basis_plug"),
  counter: text("basis_counter"),
  sensor: text("basis_sensor"),
  estimate: text("basis_estimate"),
  unknown: text("basis_unknown"),
};

function joules(j) {
  if (j >= J_PER_WH) return `${number(j / J_PER_WH)}\u00a0Wh`;
  if (j < 0.1) return `<\u00a0${number(0.1)}\u00a0J`;
  return `${number(j, { maximumFractionDigits: j < 100 ? 1 : 0 })}\u00a0J`;
}

/** `usage.energy` in words, as panel/energy_words.py says it of answers that are kept. */
export function energyNote(energy) {
  if (!energy) return text("energy_unknown");
  const seconds = energy.j / OVEN_W;
  const about = energy.uncertainty > 0.2 ? "≈\u00a0" : "";
  const values = {
    energy: about + joules(energy.j),
    basis: BASES[energy.basis] ?? BASES.unknown,
    seconds: number(seconds),
  };
  return text(seconds >= 0.1 ? "energy" : "energy_small", values);
}
