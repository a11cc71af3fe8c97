// What the API says: the nouns of /admin/api as the gateway writes them.
//
// Units, everywhere: moments are milliseconds since 1970, money is whole micro-dollars, durations are microseconds,
// unless the field says otherwise.  Fields with `?` may be missing.  The gateway may add fields; nothing here minds.

export interface Session {
  state: "setup" | "login" | "in";
  user?: string;
  csrf?: string;
  version: string;
  tls: boolean;
}

export interface Login {
  id: string | number;
  created: number;
  seen: number;
  expires: number;
  address: string;
  agent: string;
  current: boolean;
}

export interface Totals {
  requests: number;
  errors: number;
  estimated: number;
  unpriced: number;
  input: number;
  cache_read: number;
  cache_write_5m: number;
  cache_write_1h: number;
  output: number;
  reasoning: number;
  cost: number;
  cache_hit_rate: number | null;
  mean_took: number | null;
  mean_first: number | null;
}

export interface Live {
  id: string;
  key: string | null;
  key_name: string | null;
  model: string | null;
  upstream: string | null;
  dialect: string;
  session?: string | null;
  began: number;
  seconds: number;
  output_tokens: number | null;
}

export interface PlanWindow {
  name: string;
  utilisation: number;
  resets?: number | null;
}

export interface Health {
  name: string;
  dialect: string;
  url: string;
  state: "ok" | "resting" | "failing" | "unknown";
  last_error?: string | null;
  last_status?: number | null;
  last_at?: number | null;
  failures: number; // in a row
  resting_until?: number | null; // nothing goes there until then, if there are others
  on_trial: boolean; // it has rested, and the next request finds out whether it is well
  windows: PlanWindow[];
}

export interface Configuration {
  at: number; // since when the one in force is
  problems: string[]; // why the one that was read last is not in force
  after_a_restart: string[]; // settings that count after a restart only
}

export interface Overview {
  version: string;
  uptime: number;
  live: Live[];
  today: Totals;
  hour: Totals;
  upstreams: Health[];
  keys: { total: number; enabled: number };
  store: { kind: string; waiting: number; ok: boolean };
  configuration: Configuration;
}

export type LimitKind = "usd_5h" | "usd_week" | "usd_total" | "requests_minute" | "tokens_minute" | "streams";

export interface Limit {
  kind: LimitKind;
  models: string;
  limit: number;
}

export interface SpentWindow extends Limit {
  spent: number;
  held: number;
  began: number;
  ends: number;
}

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

export interface KeyWish {
  name: string;
  enabled: boolean;
  expires: number;
  models: string[];
  limits: Limit[];
  allow_extra_usage: boolean;
  when_spent: "finish" | "cut";
  options: { [stage: string]: Json };
}

export interface Key extends KeyWish {
  id: string;
  created: number;
  used: number | null;
  shown: string[];
  windows: SpentWindow[];
}

export interface Paste {
  client: string;
  text: string;
}

export interface Minted {
  key: Key;
  secret: string;
  paste: Paste[];
}

export interface Hold {
  id: string;
  at: number;
  amounts: { kind: LimitKind; models: string; amount: number }[];
}

export interface Rates {
  input: number;
  output: number;
  cache_read: number;
  cache_write_5m: number;
  cache_write_1h: number;
}

export interface Tier extends Rates {
  above: number;
}

export interface PriceWish extends Rates {
  model: string;
  upstream: string;
  tiers: Tier[];
  factors: Record<string, Record<string, number>>;
  since?: number;
}

export interface Price extends PriceWish {
  id: string;
  since: number;
  source: string;
  editable: boolean;
}

export interface Model {
  id: string;
  target: string;
  upstreams: string[];
  enabled: boolean;
  position: number;
  price: Price | null;
  source: string;
}

export interface ModelWish {
  id: string;
  target?: string;
  upstreams?: string[];
  enabled?: boolean;
}

export interface Rerated {
  requests: number;
  before: number;
  after: number;
  rows: { model: string; requests: number; before: number; after: number }[];
}

export interface Credential {
  id: string | number;
  upstream: string;
  kind: "key" | "oauth";
  name: string;
  shown: string;
  enabled: boolean;
  expires: number;
  created: number;
  used: number | null;
  configured?: boolean; // it stands in the configuration, and is changed there
  ended?: string; // why a sign-in holds no longer
  resting_until?: number | null;
}

export interface Upstream extends Health {
  provider: string | null;
  models: string[];
  key: "config" | "store" | "client" | "none";
  credentials: Credential[];
  oauth: null | { authorize: string; client_id: string; scopes: string | string[]; connected: boolean; expires: number | null };
}

export interface TestStep {
  name: string;
  ok: boolean;
  seconds: number;
  text: string;
}

export type Period = "24h" | "7d" | "30d";
export type Facet = "model" | "key" | "upstream" | "session" | "agent";

export interface Bucket extends Totals {
  at: number;
}

export interface Row extends Totals {
  id: string | null;
  name: string | null;
}

export interface Usage {
  bucket: number;
  from: number;
  to: number;
  totals: Totals;
  buckets: Bucket[];
  rows: Row[];
}

export interface SessionUsage extends Totals {
  session: string;
  key: string | null;
  key_name: string | null;
  began: number;
  last: number;
  agents: (Totals & { agent: string | null; parent: string | null; model: string | null })[];
}

export interface Request {
  id: string;
  at: number;
  key: string | null;
  key_name: string | null;
  dialect: string;
  operation: string;
  streamed: boolean;
  asked: string | null;
  model: string | null;
  upstream: string | null;
  status: number | null;
  stop: string | null;
  error: string | null;
  input: number;
  cache_read: number;
  cache_write_5m: number;
  cache_write_1h: number;
  output: number;
  reasoning: number;
  cost: number | null;
  estimated: boolean;
  suspect: boolean | string | null;
  took: number;
  first: number | null;
  session: string | null;
  agent: string | null;
  changes_count: number;
  lost_count: number;
}

export interface Change {
  path: string;
  action: string;
  why: string;
  lossy: boolean;
}

export interface RequestDetail extends Request {
  attempts: { [field: string]: Json }[];
  changes: Change[];
  stages: { [name: string]: number };
  credential: string;
  extra: Json;
  recent: boolean; // the gateway's memory still has more of it: GET recent/ID
  capture: Capture;
}

export interface Capture {
  on: boolean; // requests are captured now
  kept: boolean; // this one was
}

/** A request in the gateway's memory; durations are seconds, those of stages microseconds, cost is dollars. */
export interface Seen {
  id: string;
  at: number;
  caller: string | null;
  key: string | null;
  session: string | null;
  route: string;
  dialect: string;
  operation: string;
  streamed: boolean;
  asked: string | null;
  rule: string | null; // what chose the model and who may answer
  upstream: string | null;
  model: string | null;
  attempts: number;
  status: number | null;
  error: string | null;
  why: string | null; // the error in the words the client got
  changes: number;
  tokens: null | { [kind: string]: number }; // null: nothing was booked
  cost: number | null;
  seconds: number;
  first: number | null;
}

/** One try at an upstream; moments are seconds since the request came. */
export interface Try {
  upstream: string;
  model: string;
  status: number | null;
  error: string | null;
  why: string | null; // why it was made, where others were made before it
  began: number;
  first: number | null;
  ended: number | null;
}

/** What one stage did; what is null was not looked at. */
export interface Effect {
  stage: string;
  up: number;
  down: number | null;
  events: number | null;
  changed: number | null;
  edits: Change[];
}

export interface SeenDetail extends Seen {
  tries: Try[];
  effects: Effect[];
  capture: Capture;
}

export interface Stage {
  name: string;
  use: string;
  help: string;
  role: "stage" | "attempt" | "source" | "sink";
  position: number;
  upstream?: string | null;
  waits: boolean;
  enabled: boolean;
  switchable: boolean;
  settings: { [name: string]: Json };
  reads: string[];
  changes: string[];
  needs: string[];
  mean_us: number | null;
  requests: number;
}

export interface Pipeline {
  stages: Stage[];
  text: string;
}

export interface Setting {
  path: string;
  value: Json;
  origin: string;
}

export interface AuditEntry {
  id: string | number;
  at: number;
  who: string;
  what: string;
  target: string | null;
  detail: Json;
}
