/** Numbers and moments in the reader's language. */
const LONG = 100_000;
const SMALL = 1e-4;

/** Writes the ticks of one axis alike: as many decimals as their step needs. */
export function tickFormat(step: number, largest: number, language: string) {
  if (largest >= LONG) {
    return new Intl.NumberFormat(language, { notation: "compact", maximumSignificantDigits: 4 });
  }
  if (step < SMALL) {
    return new Intl.NumberFormat(language, {
      notation: "scientific",
      maximumSignificantDigits: 3,
    });
  }
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return new Intl.NumberFormat(language, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** One value for a read-out or a table: four figures, whole numbers whole. */
export function inFigures(value: number, language: string): string {
  if (!Number.isFinite(value)) return "";
  if (Number.isInteger(value)) return new Intl.NumberFormat(language).format(value);
  const isTiny = Math.abs(value) < SMALL;
  return new Intl.NumberFormat(language, {
    maximumSignificantDigits: 4,
    ...(isTiny ? { notation: "scientific" as const } : {}),
  }).format(value);
}

export function withUnit(text: string, unit: string): string {
  if (!unit || !text) return text;
  return unit === "%" ? `${text}%` : `${text} ${unit}`;
}

const MINUTE_S = 60;
const DAY_S = 86_400;

/** Seconds since 1970, as exactly as a tick of this step needs. */
export function momentFormat(step_s: number, language: string) {
  const format = new Intl.DateTimeFormat(language, partsFor(step_s));
  return { format: (seconds: number) => format.format(seconds * 1000) };
}

function partsFor(step_s: number): Intl.DateTimeFormatOptions {
  if (step_s >= DAY_S) return { month: "short", day: "numeric" };
  if (step_s >= MINUTE_S) return { hour: "numeric", minute: "2-digit" };
  return { hour: "numeric", minute: "2-digit", second: "2-digit" };
}

export function fullMoment(seconds: number, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" }).format(
    seconds * 1000,
  );
}
