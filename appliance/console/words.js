// Figures as people say them.

const NUMBERS = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 1 });
const WHOLE = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });

/** A length of time, given in seconds. */
export function seconds(value) {
  if (value < 60) return `${NUMBERS.format(value)} s`;
  const [hours, minutes, rest] = [Math.floor(value / 3600), Math.floor((value % 3600) / 60), Math.floor(value % 60)];
  return [hours && `${hours} h`, minutes && `${minutes} min`, rest && `${rest} s`].filter(Boolean).join(" ");
}

const CLOCK = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });
/** Hours and minutes of a moment, given in milliseconds. */
export const timeOfDay = (moment) => CLOCK.format(moment);

export const perCent = (share) => (share > 0.999 && share < 1 ? "over 99.9 %" : `${NUMBERS.format(share * 100)} %`);
export const whole = (value) => WHOLE.format(value);

export function bytes(count) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, count < 1 ? 0 : Math.floor(Math.log10(count) / 3));
  return `${NUMBERS.format(count / 1000 ** power)} ${units[power]}`;
}

export const many = (count, one, more = `${one}s`) => `${whole(count)} ${count === 1 ? one : more}`;

/** A name without what tells the kind of file. */
export const bare = (fileName) => fileName.replace(/\.[A-Za-z0-9]{1,5}$/, "") || fileName;

// From which log-likelihood ratio on which words hold, strongest first; ln 100 is 4.6, and e² is 7.4.
const VERDICTS = [
  [4.6, "same3", "Same speaker, very likely"],
  [2, "same2", "Same speaker, probably"],
  [0.7, "same1", "Leaning towards the same speaker"],
  [-0.7, "even", "Undecided"],
  [-2, "other1", "Leaning towards different speakers"],
  [-4.6, "other2", "Different speakers, probably"],
  [-Infinity, "other3", "Different speakers, very likely"],
];

/** The verdict on a log-likelihood ratio: `tone` names its colour, `words` say it, `why` says what the figure means. */
export function verdict(llr) {
  const [, tone, words] = VERDICTS.find(([least]) => llr >= least);
  return {
    tone,
    words,
    why:
      tone === "even"
        ? "The two recordings tell next to nothing either way."
        : `${times(Math.abs(llr))} if ${llr > 0 ? "one person speaks" : "two people speak"} in both than if ${llr > 0 ? "two do" : "one does"}.`,
  };
}

function times(llr) {
  const ratio = Math.exp(llr);
  if (ratio >= 1e6) return "What is heard is over a million times likelier";
  const rounded = ratio < 10 ? NUMBERS.format(ratio) : whole(Number(ratio.toPrecision(2)));
  return `What is heard is ${rounded} times likelier`;
}

/** A log-likelihood ratio with its sign. */
export const signed = (llr) => `${llr < 0 ? "−" : "+"}${Math.abs(llr).toFixed(1)}`;

const QUALITY = { good: "Good recording", usable: "Usable recording", poor: "Poor recording" };
export const quality = ({ verdict: found }) => QUALITY[found] ?? found;

/** How the voice sounds, from a result of gender identification. */
export function gender({ score_male: male, score_female: female }) {
  if (!male || !female) return "Too short to tell man or woman";
  const [word, share] =
    male.probability >= female.probability ? ["man", male.probability] : ["woman", female.probability];
  return share < 0.8
    ? `Man or woman: undecided (${perCent(share)} ${word})`
    : `Sounds like a ${word} (${perCent(share)})`;
}

const STATES = {
  pending: "Waiting",
  running: "Running",
  done: "Done",
  failed: "Failed",
  rejected: "Rejected",
  gone: "Gone",
  unknown: "Not known",
};
export const stateWords = (state) => STATES[state] ?? state;

const TECHNOLOGIES = {
  "speaker-identification-voiceprint-extraction": "Extraction",
  "speaker-identification-voiceprint-conversion": "Conversion",
  "speaker-identification-voiceprint-comparison": "Comparison",
  "gender-identification-voiceprints": "Gender",
  "voice-activity-detection": "Speech",
};
export const technologyWords = (name) => TECHNOLOGIES[name] ?? name;
