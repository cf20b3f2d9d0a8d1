/** Four people, whom they follow at first, and what they have to say. */

/**
 * @typedef {object} Person
 * @property {string} id
 * @property {string} user as the server knows them
 * @property {string} name
 * @property {string} first
 * @property {string} about
 * @property {string} avatar_url
 * @property {string[]} says for when nothing was typed
 */

/** @param {string} id @param {string} name @param {string} about @param {string[]} says @returns {Person} */
const person = (id, name, about, says) => ({
  id, name, about, says, user: `${id}@plaza.example`, first: name.split(" ")[0], avatar_url: `/demo/faces/${id}.svg`,
});

export const PEOPLE = [
  person("ada", "Ada Lind", "bakes at night", [
    "The rye is out of the oven. Bring butter.",
    "Sourdough, day 13. It asked for a name.",
    "Closed tomorrow: the oven and I need a day apart.",
  ]),
  person("ben", "Ben Okoro", "rides far", [
    "Found a road that is on no map.",
    "Tailwind both ways. I will not question it.",
    "Anyone else for the coast on Sunday?",
  ]),
  person("chloe", "Chloe Park", "waits for light", [
    "Fog at six, gold at seven.",
    "The heron came back.",
    "Printing day: come and choose one.",
  ]),
  person("dario", "Dario Vega", "grows things", [
    "The beans have reached the roof.",
    "Rain at last. Nobody talk to me, I am dancing.",
    "Seeds to swap? I have too much basil.",
  ]),
];

/** @param {string} id @returns {Person} */
export const who = (id) => /** @type {Person} */ (PEOPLE.find((person) => person.id === id));

/** The follows when the plaza is new. @type {Record<string, string[]>} */
export const FOLLOWS = { ada: ["ben", "chloe", "dario"], ben: ["ada", "chloe"], chloe: ["ada", "ben"], dario: ["ada", "chloe"] };

const MINUTE = 60_000; // ms

/**
 * @typedef {object} Post
 * @property {string} id
 * @property {string} author
 * @property {string} text
 * @property {string} [art]
 * @property {number} at
 * @property {string[]} likes
 * @property {{who: string, text: string}[]} comments
 */

/**
 * The posts when the plaza is new. They have ids of their own each time: a like of an old one is none
 * of a new one.
 *
 * @param {number} now
 * @returns {Post[]}
 */
export const firstPosts = (now) => [
  { id: `${now.toString(36)}-1`, author: "chloe", text: "Four minutes of this, then the fog came back.", art: "ridge", at: now - 7 * MINUTE, likes: ["dario"], comments: [] },
  { id: `${now.toString(36)}-2`, author: "ada", text: "Sourdough, day 12. It is alive, and it has opinions.", at: now - 26 * MINUTE, likes: [], comments: [{ who: "chloe", text: "Does it pose?" }] },
  { id: `${now.toString(36)}-3`, author: "ben", text: "92 km, two punctures, one very good cheese.", art: "coast", at: now - 95 * MINUTE, likes: ["ada"], comments: [] },
  { id: `${now.toString(36)}-4`, author: "dario", text: "First tomatoes! Who needs a crate?", at: now - 180 * MINUTE, likes: [], comments: [] },
];

/** The plaza's own announcements, in turn. */
export const NEWS = [
  { title: "The plaza sleeps from 02:00 to 02:05", body: "We move to a bigger house. Nothing gets lost on the way." },
  { title: "New on the plaza: night colours", body: "For those who bake at night." },
  { title: "Summer fair on Saturday", body: "Bring bread, bicycles, pictures and tomatoes." },
];
export const COMMENTS = ["Lovely!", "Save one for me.", "I need this in my life.", "How do you do it?", "On my way."];
