// The way to /admin/api: one function per call of the contract, typed at both ends.
//
//   page ── api.keys() ──▶ fetch("api/keys") ──▶ Key[]
//                                └─ not 2xx ──▶ throws Refusal {status, code, message, fields}
//
// The session is a cookie that scripts can't read.  Every call that changes something carries the session's token,
// which GET /session tells and which is kept in memory only.  Any 401 tells the listeners that the session is over.

import type * as T from "./types";

/** What the gateway refused, or why it could not be asked: status 0 is "no answer". */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly fields: { path: string; message: string }[];

  constructor(status: number, code: string, message: string, fields: { path: string; message: string }[] = []) {
    super(message);
    this.status = status;
    this.code = code;
    this.fields = fields;
  }
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
type Query = Record<string, string | number | boolean | null | undefined>;

let token: string | undefined;
const listeners = new Set<() => void>();

/** Call *listener* whenever a call finds that there is no session any more; gives the way to stop that. */
export function whenOver(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** ``path?a=1&b=2`` without what is empty. */
export function address(path: string, query: Query = {}): string {
  const filled = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const words = new URLSearchParams(filled.map(([name, value]) => [name, String(value)]));
  return `api/${path}${words.size > 0 ? `?${words}` : ""}`;
}

async function call<Answer>(method: Method, path: string, body?: object, query?: Query): Promise<Answer> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (method !== "GET" && token !== undefined) headers["x-csrf-token"] = token;
  const request: RequestInit = { method, headers, credentials: "same-origin" };
  if (body !== undefined) request.body = JSON.stringify(body);
  const response = await fetch(address(path, query), request).catch(() => {
    throw new Refusal(0, "unreachable", "The gateway does not answer. Is it running?");
  });
  if (!response.ok) throw await refusal(response);
  return (response.status === 204 ? undefined : await response.json()) as Answer;
}

async function refusal(response: Response): Promise<Refusal> {
  if (response.status === 401) listeners.forEach((listener) => listener());
  const answer = (await response.json().catch(() => null)) as {
    error?: { code?: string; message?: string; fields?: { path: string; message: string }[] };
  } | null;
  const { code = "error", message = `The gateway answered ${response.status}.`, fields = [] } = answer?.error ?? {};
  const wait = response.headers.get("retry-after");
  return new Refusal(response.status, code, wait === null ? message : `${message} Try again in ${wait} s.`, fields);
}

const get = <Answer>(path: string, query?: Query) => call<Answer>("GET", path, undefined, query);
const id = (part: string | number) => encodeURIComponent(part);

async function enter(asking: Promise<T.Session>): Promise<T.Session> {
  const session = await asking;
  token = session.csrf;
  return session;
}

export interface RequestFilter {
  key?: string | undefined;
  model?: string | undefined;
  upstream?: string | undefined;
  session?: string | undefined;
  errors?: 1 | undefined;
}

export interface UsageQuestion {
  period: T.Period;
  by: T.Facet | "none";
  key?: string | undefined;
  model?: string | undefined;
  upstream?: string | undefined;
}

export const api = {
  // session
  session: () => enter(get<T.Session>("session")),
  setup: (secret: string, user: string, password: string) =>
    enter(call<T.Session>("POST", "setup", { secret, user, password })),
  login: (user: string, password: string) => enter(call<T.Session>("POST", "login", { user, password })),
  logout: () => call<void>("POST", "logout", {}),
  logins: async () => (await get<{ logins: T.Login[] }>("logins")).logins,
  endLogin: (login: string | number) => call<void>("DELETE", `logins/${id(login)}`),
  password: (old: string, fresh: string) => call<void>("PUT", "password", { old, new: fresh }),

  overview: () => get<T.Overview>("overview"),

  // keys
  keys: async () => (await get<{ keys: T.Key[] }>("keys")).keys,
  mint: (wish: T.KeyWish) => call<T.Minted>("POST", "keys", wish),
  key: async (key: string) => {
    const answer = await get<T.Key | { key: T.Key }>(`keys/${id(key)}`);
    return "key" in answer ? answer.key : answer;
  },
  changeKey: async (key: string, wish: Partial<T.KeyWish>) => (await call<{ key: T.Key }>("PATCH", `keys/${id(key)}`, wish)).key,
  deleteKey: (key: string) => call<void>("DELETE", `keys/${id(key)}`),
  rotate: (key: string, overlap: number) => call<T.Minted>("POST", `keys/${id(key)}/rotate`, { overlap }),
  resetKey: (key: string, kinds?: T.LimitKind[]) => call<unknown>("POST", `keys/${id(key)}/reset`, kinds ? { kinds } : {}),
  holds: async (key: string) => (await get<{ holds: T.Hold[] }>(`keys/${id(key)}/holds`)).holds,

  // models and prices
  models: () => get<{ models: T.Model[]; known: string[] }>("models"),
  addModel: (wish: T.ModelWish) => call<unknown>("POST", "models", wish),
  changeModel: (model: string, wish: Partial<T.ModelWish>) => call<unknown>("PATCH", `models/${id(model)}`, wish),
  removeModel: (model: string) => call<void>("DELETE", `models/${id(model)}`),
  orderModels: (ids: string[]) => call<unknown>("PUT", "models/order", { ids }),
  prices: async () => (await get<{ prices: T.Price[] }>("prices")).prices,
  addPrice: (wish: T.PriceWish) => call<unknown>("POST", "prices", wish),
  removePrice: (price: string | number) => call<void>("DELETE", `prices/${id(price)}`),
  rerate: (from: number, to: number, apply: boolean, model?: string) =>
    call<T.Rerated>("POST", "prices/rerate", { from, to, apply, ...(model ? { model } : {}) }),

  // upstreams and credentials
  upstreams: async () => (await get<{ upstreams: T.Upstream[] }>("upstreams")).upstreams,
  test: (upstream: string, model?: string) =>
    call<{ ok: boolean; steps: T.TestStep[] }>("POST", `upstreams/${id(upstream)}/test`, model ? { model } : {}),
  addCredential: (upstream: string, name: string, key: string) =>
    call<unknown>("POST", `upstreams/${id(upstream)}/credentials`, { name, key }),
  changeCredential: (upstream: string, credential: string | number, wish: { enabled?: boolean; name?: string }) =>
    call<unknown>("PATCH", `upstreams/${id(upstream)}/credentials/${id(credential)}`, wish),
  removeCredential: (upstream: string, credential: string | number) =>
    call<void>("DELETE", `upstreams/${id(upstream)}/credentials/${id(credential)}`),
  startOauth: (upstream: string) => call<{ url: string; state: string }>("POST", `upstreams/${id(upstream)}/oauth/start`, {}),
  finishOauth: (upstream: string, answer: string, state: string) =>
    call<unknown>("POST", `upstreams/${id(upstream)}/oauth/finish`, { answer, state }),
  endOauth: (upstream: string) => call<void>("DELETE", `upstreams/${id(upstream)}/oauth`),

  // usage and requests
  usage: (question: UsageQuestion) => get<T.Usage>("usage", { ...question }),
  sessions: (before?: string) => get<{ sessions: T.SessionUsage[]; next: string | number | null }>("sessions", { before }),
  requests: (filter: RequestFilter, before?: string) =>
    get<{ requests: T.Request[]; next: string | number | null }>("requests", { ...filter, before }),
  request: (request: string) => get<T.RequestDetail>(`requests/${id(request)}`),
  recent: async () => (await get<{ requests: T.Seen[] }>("recent", { limit: 200 })).requests,
  seen: (request: string) => get<T.SeenDetail>(`recent/${id(request)}`),
  forgetUsage: (before: number) => call<{ removed: number }>("DELETE", "usage", undefined, { before }),
  exportAddress: (from: number, to: number, format: "csv" | "jsonl") => address("export", { from, to, format }),

  // pipeline, settings, audit
  pipeline: () => get<T.Pipeline>("pipeline"),
  switchStage: (stage: string, enabled: boolean) => call<T.Pipeline>("PATCH", `pipeline/${id(stage)}`, { enabled }),
  settings: () => get<{ settings: T.Setting[]; problems: string[] }>("settings"),
  audit: (before?: string) => get<{ entries: T.AuditEntry[]; next: string | number | null }>("audit", { before }),
};
