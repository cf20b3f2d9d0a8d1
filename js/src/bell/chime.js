/** A chime of two soft notes, synthesised: no file to fetch, nothing for a Content-Security-Policy to allow. */

/** @type {AudioContext | undefined} */
let context;

const NOTES = [784, 1047]; // Hz: G5, C6
const NOTE_INTERVAL = 0.09; // s
const NOTE_LENGTH = 0.35; // s
const LOCK_TIME = 1000; // ms during which no other tab plays the same chime

/** Play the notes, unless the browser still requires a click on the page, or has no sound. */
function playNotes() {
  try {
    context ??= new AudioContext();
  } catch {
    return;
  }
  if (context.state !== "running") return void context.resume();
  NOTES.forEach((frequency, n) => {
    if (!context) return;
    const start = context.currentTime + n * NOTE_INTERVAL;
    const oscillator = new OscillatorNode(context, { frequency });
    const volume = new GainNode(context, { gain: 0.08 });
    volume.gain.setValueAtTime(0.08, start);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + NOTE_LENGTH);
    oscillator.connect(volume).connect(context.destination);
    oscillator.start(start);
    oscillator.stop(start + NOTE_LENGTH);
  });
}

/**
 * Play the chime in one tab only, where the page may use Web Locks.
 *
 * @param {string} key of the notification; the same in every tab
 */
export async function playChime(key) {
  try {
    await navigator.locks.request(`tidings-ring-${key}`, { ifAvailable: true }, async (lock) => {
      if (!lock) return;
      playNotes();
      await new Promise((resolve) => setTimeout(resolve, LOCK_TIME));
    });
  } catch {
    playNotes(); // there are none, or they are refused
  }
}
