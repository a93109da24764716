/** What the server says of itself once a second (`/status`), read into what the views need. What a server does not say is null or empty. */
import { Fields } from './api/fields'
import { type Fact, fact, facts, words } from './facts'
import { bytes, count, percent, seconds } from './format'

const coresMax = 1_024
const listMax = 200

/** In seconds. */
export interface Percentiles {
  p50: number | null
  p95: number | null
  p99: number | null
  count: number
}

export interface Core {
  core: number
  isTurning: boolean
  /** The share of time in which it works. */
  load: number
  connections: number | null
  sessions: number | null
  documents: number | null
}

export interface Limit {
  name: string
  current: number | null
  max: number | null
  hits: number
  unit: string
}

export interface Operation {
  name: string
  /** Over the last ten seconds, and the last five minutes. */
  lately: Percentiles
  before: Percentiles
  /** How p95 is against the baseline, in percent; nothing where too little is known. */
  changePercent: number | null
  isSlower: boolean
}

export interface Alert {
  name: string
  severity: 'warning' | 'critical'
  title: string
  /** The figure, and the bound that it passed. */
  detail: string
  recommendation: string
  sinceMs: number | null
}

export interface SlowOperation {
  operation: string
  document: string | null
  cause: string
  seconds: number | null
  atMs: number | null
}

export interface Status {
  version: string | null
  /** What it is, in a word; and why, if it is not ready. */
  state: string
  isWell: boolean
  uptimeSeconds: number | null
  connections: number | null
  connectionsMax: number | null
  sessions: number | null
  sessionsBehind: number | null
  documents: number | null
  updatesPerSecond: number | null
  deliveriesPerSecond: number | null
  receivedBytesPerSecond: number | null
  sentBytesPerSecond: number | null
  /** From the arrival of an update to its commit, over the last ten seconds. */
  acknowledge: Percentiles
  /** From the arrival of an update to its sending to others, over the last ten seconds. */
  deliver: Percentiles
  operations: Operation[]
  cores: Core[]
  memory: {
    usedBytes: number | null
    /** Nothing where there is no budget. */
    budgetBytes: number | null
    growthBytesPerSecond: number | null
    fullInSeconds: number | null
    purposes: [name: string, bytes: number][]
  }
  storage: { isWritable: boolean | null; facts: Fact[] }
  cache: Fact[]
  quality: {
    excellent: number
    good: number
    poor: number
    unknown: number
    excellentWithinMs: number | null
    goodWithinMs: number | null
  } | null
  limits: Limit[]
  webhooks: Fact[][]
  alerts: Alert[]
  slow: SlowOperation[]
  slowTotal: number
}

export function parse(json: unknown): Status {
  const top = new Fields(json)
  const rates = top.fields('per_second').fields('over_1_s')
  const operations = top.list('operations', listMax).map(operation)
  const limits = top.list('limits', listMax).map(limit)
  const lately = (name: string) => operations.find(one => one.name === name)?.lately ?? percentiles(top.fields('latency_ms').fields(name))
  const isDraining = top.flag('draining') ?? false
  const isReady = top.flag('ready') ?? true
  const reason = top.text('unready_reason')
  return {
    version: top.text('version'),
    state: isDraining ? 'stopping' : isReady ? 'ready' : `not ready${reason === null ? '' : `: ${reason}`}`,
    isWell: isReady && !isDraining,
    uptimeSeconds: top.number('uptime_seconds'),
    connections: top.number('connections'),
    connectionsMax: limits.find(one => one.name === 'connections_max')?.max ?? null,
    sessions: top.number('sessions'),
    sessionsBehind: top.number('sessions_behind'),
    documents: top.number('documents'),
    updatesPerSecond: rates.number('updates'),
    deliveriesPerSecond: rates.number('deliveries'),
    receivedBytesPerSecond: rates.number('bytes_received'),
    sentBytesPerSecond: rates.number('bytes_sent'),
    acknowledge: lately('acknowledge'),
    deliver: lately('deliver'),
    operations,
    cores: top.list('per_core', coresMax).map(core),
    memory: memory(top.fields('memory')),
    storage: storage(top.fields('storage')),
    cache: cache(top.fields('cache')),
    quality: quality(top),
    limits,
    webhooks: top.list('webhooks', listMax).map(one => facts(one)),
    alerts: top.list('alerts', listMax).map(alert),
    slow: top.list('slow_operations', listMax).map(slow),
    slowTotal: top.number('slow_operations_total') ?? 0,
  }
}

/** Of milliseconds. */
function percentiles(of: Fields): Percentiles {
  const value = (name: string) => {
    const ms = of.number(name)
    return ms === null ? null : ms / 1_000
  }
  return { p50: value('p50'), p95: value('p95'), p99: value('p99'), count: of.number('count') ?? 0 }
}

function operation(of: Fields): Operation {
  const comparison = of.fields('comparison')
  return {
    name: of.text('operation') ?? '',
    lately: percentiles(of.fields('over_10_s_ms')),
    before: percentiles(of.fields('over_300_s_ms')),
    changePercent: comparison.number('change_percent'),
    isSlower: comparison.flag('is_slower') ?? false,
  }
}

function core(of: Fields, at: number): Core {
  return {
    core: of.number('core') ?? at,
    isTurning: of.flag('turning') ?? true,
    load: Math.min(1, Math.max(0, of.number('load') ?? 0)),
    connections: of.number('connections'),
    sessions: of.number('sessions'),
    documents: of.number('documents'),
  }
}

function limit(of: Fields): Limit {
  return {
    name: of.text('name') ?? '',
    current: of.number('current'),
    max: of.number('max'),
    hits: of.number('hits') ?? 0,
    unit: of.text('unit') ?? '',
  }
}

function memory(of: Fields): Status['memory'] {
  const budget = of.number('budget_bytes')
  return {
    usedBytes: of.number('used_bytes'),
    budgetBytes: budget === 0 ? null : budget,
    growthBytesPerSecond: of.number('growth_bytes_per_second'),
    fullInSeconds: of.number('full_in_seconds'),
    purposes: of.fields('by_purpose_bytes').numbers(listMax),
  }
}

function storage(of: Fields): Status['storage'] {
  const busy = of.number('busy_seconds')
  return {
    isWritable: of.flag('writable'),
    facts: [
      { label: 'Records written', value: count(of.number('records')) },
      { label: 'In batches', value: count(of.number('batches')) },
      { label: 'Bytes written', value: bytes(of.number('record_bytes')) },
      { label: 'Records that wait', value: count(of.number('queued_records')) },
      { label: 'Write at hand', value: busy === 0 ? 'none' : seconds(busy) },
      { label: 'Failures', value: count(of.number('failures')) },
      { label: 'Reads that wait', value: count(of.number('queued_reads')) },
    ],
  }
}

function cache(of: Fields): Fact[] {
  return [
    { label: 'Found in it', value: percent(of.number('hit_rate')) },
    { label: 'Hits', value: count(of.number('hits')) },
    { label: 'Misses', value: count(of.number('misses')) },
    { label: 'In use', value: `${bytes(of.number('used_bytes'))} of ${bytes(of.number('max_bytes'))}` },
  ]
}

function quality(top: Fields): Status['quality'] {
  if (!top.has('quality')) return null
  const of = top.fields('quality')
  const number = (name: string) => of.number(name) ?? 0
  return {
    excellent: number('excellent'),
    good: number('good'),
    poor: number('poor'),
    unknown: number('unknown'),
    excellentWithinMs: of.number('excellent_within_ms'),
    goodWithinMs: of.number('good_within_ms'),
  }
}

/** With one digit behind the point, which is more than anybody acts on. */
const round = (value: number) => String(Math.round(value * 10) / 10)

/** "1 stall", "2.5 milliseconds", "1 failure a minute". */
const measured = (value: number, unit: string) => `${round(value)} ${round(value) === '1' ? unit.replace(/^(\w+)s\b/, '$1') : unit}`

function alert(of: Fields): Alert {
  const name = of.text('name') ?? 'alert'
  const [value, threshold, unit] = [of.number('value'), of.number('threshold'), of.text('unit') ?? '']
  return {
    name,
    severity: of.exact('severity') === 'critical' ? 'critical' : 'warning',
    title: words(name),
    detail: value === null ? '' : measured(value, unit) + (threshold === null ? '' : `, the threshold is ${round(threshold)}`),
    recommendation: of.text('recommendation', 2_000) ?? '',
    sinceMs: of.time('since'),
  }
}

function slow(of: Fields): SlowOperation {
  const ms = of.number('took_ms')
  const more = ['waited_ms', 'document_bytes', 'arrivals'].flatMap(name => fact(name, of.raw(name)) ?? [])
  const cause = words(of.text('cause') ?? 'unknown').toLowerCase()
  return {
    operation: words(of.text('operation') ?? '').toLowerCase(),
    document: of.exact('document'),
    cause: [cause, ...more.map(({ label, value }) => `${label.toLowerCase()}: ${value}`)].join(', '),
    seconds: ms === null ? null : ms / 1_000,
    atMs: of.time('at'),
  }
}
