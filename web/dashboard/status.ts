/** What the server says of itself once a second (`/status`), read into what the views need. What a server does not say is null or empty. */
import { Fields } from './api/fields'
import { type Fact, facts } from './facts'

const coresMax = 1_024
const listMax = 200

export interface Percentiles {
  p50: number | null
  p95: number | null
  p99: number | null
}

export interface Alert {
  id: string
  severity: 'warning' | 'critical'
  title: string
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
  state: string | null
  uptimeSeconds: number | null
  connections: number | null
  connectionsMax: number | null
  sessions: number | null
  documents: number | null
  updatesPerSecond: number | null
  deliveriesPerSecond: number | null
  receivedBytesPerSecond: number | null
  sentBytesPerSecond: number | null
  /** From the arrival of an update to its commit, in seconds. */
  acknowledge: Percentiles
  /** From the arrival of an update to its sending to others, in seconds. */
  deliver: Percentiles
  /** The busy part of each core, from 0 to 1. */
  cores: number[]
  memory: { usedBytes: number | null; maxBytes: number | null; purposes: [name: string, bytes: number][] }
  storage: { isWell: boolean | null; facts: Fact[] }
  quality: { excellent: number; good: number; poor: number } | null
  limits: Fact[]
  webhooks: Fact[][]
  alerts: Alert[]
  slow: SlowOperation[]
}

export function parse(json: unknown): Status {
  const top = new Fields(json)
  const rates = top.fields('rates')
  const latency = top.fields('latency')
  return {
    version: top.text('version'),
    state: top.text('state'),
    uptimeSeconds: top.number('uptime_seconds'),
    connections: howMany(top, 'connections'),
    connectionsMax: top.fields('limits').number('connections_max') ?? top.fields('connections').number('max'),
    sessions: howMany(top, 'sessions'),
    documents: howMany(top, 'documents'),
    updatesPerSecond: rates.number('updates_per_second'),
    deliveriesPerSecond: rates.number('deliveries_per_second'),
    receivedBytesPerSecond: rates.number('received_bytes_per_second'),
    sentBytesPerSecond: rates.number('sent_bytes_per_second'),
    acknowledge: percentiles(latency.fields('acknowledge')),
    deliver: percentiles(latency.fields('deliver')),
    cores: top.list('per_core', coresMax).map(core => Math.min(1, Math.max(0, core.number('load') ?? 0))),
    memory: memory(top.fields('memory')),
    storage: storage(top.fields('storage')),
    quality: quality(top),
    limits: facts(top.fields('limits')),
    webhooks: top.list('webhooks', listMax).map(one => facts(one)),
    alerts: top.list('alerts', listMax).map(alert),
    slow: top.list('slow_operations', listMax).map(slow),
  }
}

function howMany(top: Fields, name: string): number | null {
  return top.number(name) ?? top.fields(name).number('open') ?? top.fields(name).number('live')
}

function percentiles(of: Fields): Percentiles {
  const value = (name: string) => {
    const ms = of.number(`${name}_ms`)
    return ms === null ? of.number(`${name}_seconds`) : ms / 1_000
  }
  return { p50: value('p50'), p95: value('p95'), p99: value('p99') }
}

function memory(of: Fields): Status['memory'] {
  return {
    usedBytes: of.number('used_bytes') ?? of.number('allocated_bytes'),
    maxBytes: of.number('max_bytes') ?? of.number('limit_bytes'),
    purposes: of.fields('by_purpose').numbers(listMax),
  }
}

function storage(of: Fields): Status['storage'] {
  return { isWell: of.flag('writes'), facts: facts(of) }
}

function quality(top: Fields): Status['quality'] {
  if (!top.has('quality')) return null
  const of = top.fields('quality')
  return { excellent: of.number('excellent') ?? 0, good: of.number('good') ?? 0, poor: of.number('poor') ?? 0 }
}

export function alert(of: Fields): Alert {
  const title = of.text('name') ?? of.text('kind') ?? 'alert'
  return {
    id: of.text('id') ?? title,
    severity: of.exact('severity') === 'critical' ? 'critical' : 'warning',
    title,
    detail: of.text('detail', 600) ?? of.text('message', 600) ?? '',
    recommendation: of.text('recommendation', 1_000) ?? '',
    sinceMs: of.number('since_unix_ms'),
  }
}

function slow(of: Fields): SlowOperation {
  const ms = of.number('duration_ms')
  return {
    operation: of.text('operation') ?? '',
    document: of.exact('document'),
    cause: of.text('cause', 600) ?? '',
    seconds: ms === null ? of.number('seconds') : ms / 1_000,
    atMs: of.number('at_unix_ms'),
  }
}
