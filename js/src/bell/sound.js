/** Two soft notes, made on the spot: no file to fetch, nothing for a Content-Security-Policy to allow. */

/** @type {AudioContext | undefined} */
let audio;

const NOTES = [784, 1047]; // Hz: g'', c'''
const APART = 0.09; // s
const FADE = 0.35; // s
const HOLD = 1000; // ms in which no other tab rings for the same thing

/** Ring, unless the browser wants a click on the page first. */
function blip() {
  audio ??= new AudioContext();
  if (audio.state !== "running") return void audio.resume();
  NOTES.forEach((pitch, n) => {
    if (!audio) return;
    const at = audio.currentTime + n * APART;
    const tone = new OscillatorNode(audio, { frequency: pitch });
    const volume = new GainNode(audio, { gain: 0.08 });
    volume.gain.setValueAtTime(0.08, at);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + FADE);
    tone.connect(volume).connect(audio.destination);
    tone.start(at);
    tone.stop(at + FADE);
  });
}

/**
 * Ring in one tab only, where the browser can tell its tabs apart.
 *
 * @param {string} what is rung for
 */
export function ring(what) {
  if (!navigator.locks) return blip();
  navigator.locks.request(`tidings-ring-${what}`, { ifAvailable: true }, async (mine) => {
    if (!mine) return;
    blip();
    await new Promise((resolve) => setTimeout(resolve, HOLD));
  });
}
