// Random numbers with a fixed seed: two runs show the same.
let state = 0x2545f491;

export function random() {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) / 2 ** 32;
}

export const between = (low, high) => low + random() * (high - low);
export const pick = (list) => list[Math.floor(random() * list.length)];
export const hex = (digits) => Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('');
/** A duration with a long tail around `middle`. */
export const latency = (middle) => middle * Math.exp(between(-0.5, 0.5)) * (random() < 0.02 ? between(6, 20) : 1);
