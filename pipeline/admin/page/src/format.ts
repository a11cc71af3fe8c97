// Quantities as people read them.  Every number of the page passes through here, so that the same amount looks the same
// in a tile, a table and a chart's axis.

const LOCALE = "en-GB";

/** Micro-dollars → "$1.24"; small amounts keep two significant digits ("$0.0031"), nothing is rounded to zero. */
export function money(micro: number | null | undefined): string {
  if (micro === null || micro === undefined) return "–";
  const dollars = micro / 1e6;
  const size = Math.abs(dollars);
  if (size === 0) return "$0";
  if (size < 0.000001) return "<$0.000001";
  const digits = size >= 1000 ? 0 : size >= 0.1 ? 2 : Math.min(6, 1 - Math.floor(Math.log10(size)));
  const amount = size.toLocaleString("en-US", { minimumFractionDigits: Math.min(digits, 2), maximumFractionDigits: digits });
  return `${dollars < 0 ? "−" : ""}$${amount}`;
}

/** Micro-dollars per million tokens → "$3" or "$0.08", as price lists write it. */
export function rate(micro: number): string {
  const minimumFractionDigits = micro % 1e6 === 0 ? 0 : 2;
  return `$${(micro / 1e6).toLocaleString("en-US", { minimumFractionDigits, maximumFractionDigits: 4 })}`;
}

const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat("en-US");

/** 1234567 → "1.2M": for tiles, tables and axes. */
export function count(amount: number | null | undefined): string {
  return amount === null || amount === undefined ? "–" : compact.format(amount);
}

/** 1234567 → "1,234,567": where every one counts. */
export function exact(amount: number | null | undefined): string {
  return amount === null || amount === undefined ? "–" : whole.format(amount);
}

/** 1, "request" → "1 request"; 12 → "12 requests" */
export function counted(amount: number, what: string): string {
  return `${exact(amount)} ${what}${amount === 1 ? "" : "s"}`;
}

/** 0.8712 → "87.1 %" */
export function share(part: number | null | undefined): string {
  return part === null || part === undefined ? "–" : `${(part * 100).toFixed(part > 0 && part < 0.0995 ? 1 : 0)} %`;
}

/** Microseconds → "840 µs", "12 ms", "3.4 s", "2 min 5 s". */
export function duration(micro: number | null | undefined): string {
  if (micro === null || micro === undefined) return "–";
  if (micro < 1000) return `${micro < 10 ? micro.toFixed(1) : Math.round(micro)} µs`;
  if (micro < 1e6) return `${micro < 1e4 ? (micro / 1000).toFixed(1) : Math.round(micro / 1000)} ms`;
  if (micro < 60e6) return `${(micro / 1e6).toFixed(1)} s`;
  return spell(micro / 1e6);
}

/** Seconds → "3 d 4 h", "12 min 5 s": the two largest units. */
export function spell(seconds: number): string {
  const units: [string, number][] = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const at = units.findIndex(([, size]) => seconds >= size);
  if (at < 0) return `${Math.max(0, Math.round(seconds))} s`;
  const [first, next] = [units[at], units[at + 1]];
  if (first === undefined) return "";
  const rest = next === undefined ? 0 : Math.floor((seconds % first[1]) / next[1]);
  return `${Math.floor(seconds / first[1])} ${first[0]}${next !== undefined && rest > 0 ? ` ${rest} ${next[0]}` : ""}`;
}

/** A moment, whole: "21 Nov 2026, 14:03:07". */
export function moment(ms: number): string {
  return new Date(ms).toLocaleString(LOCALE, { dateStyle: "medium", timeStyle: "medium" });
}

/** A moment, as far from now as it is: "just now", "5 min ago", "in 2 h 3 min". */
export function relative(ms: number, now: number = Date.now()): string {
  const seconds = (ms - now) / 1000;
  if (Math.abs(seconds) < 5) return "just now";
  const size = spell(Math.abs(seconds));
  const short = Math.abs(seconds) > 60 ? size.replace(/ \d+ s$/, "") : size;
  return seconds < 0 ? `${short} ago` : `in ${short}`;
}

/** The label of a bucket of *size* ms on a time axis: hours within a day, days beyond. */
export function tick(at: number, size: number): string {
  const options: Intl.DateTimeFormatOptions =
    size >= 86_400_000
      ? { day: "numeric", month: "short" }
      : size > 3_600_000
        ? { weekday: "short", hour: "2-digit", minute: "2-digit" }
        : { hour: "2-digit", minute: "2-digit" };
  return new Date(at).toLocaleString(LOCALE, options);
}

/** What a browser says of itself → "Chrome 156, Linux"; as it is, where it can't be read. */
export function browser(agent: string): string {
  const name = BROWSERS.find(([mark]) => agent.includes(`${mark}/`));
  if (name === undefined) return agent;
  const [mark, known] = name;
  const version = agent.split(`${known === "Safari" ? "Version" : mark}/`)[1]?.match(/^\d+/)?.[0];
  const system = SYSTEMS.find(([word]) => agent.includes(word))?.[1];
  return [version === undefined ? known : `${known} ${version}`, system].filter((part) => part !== undefined).join(", ");
}

// The first that fits: most call themselves by the names of others, too.
const BROWSERS = [["Edg", "Edge"], ["OPR", "Opera"], ["Firefox", "Firefox"], ["HeadlessChrome", "Chrome"], ["Chrome", "Chrome"], ["Safari", "Safari"]] as const;
const SYSTEMS = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Macintosh", "macOS"], ["Linux", "Linux"]] as const;

/** A JSON value on one line; text as it is. */
export function plain(value: unknown): string {
  return typeof value === "string" ? value : value === null || value === undefined ? "–" : JSON.stringify(value);
}
