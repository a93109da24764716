/** What is known of the server now: the latest status, the history of its figures, and what events told. */
import { signal } from '@preact/signals'
import type { ServerEvent } from '../api/event-stream'
import { Fields } from '../api/fields'
import { parse, type Status } from '../status'
import { follow } from './feed'
import { History } from './history'
import { add } from './log'

export const series = [
  'connections',
  'sessions',
  'documents',
  'updates',
  'deliveries',
  'received',
  'sent',
  'acknowledge50',
  'acknowledge95',
  'acknowledge99',
  'deliver50',
  'deliver95',
  'deliver99',
] as const
export type Series = (typeof series)[number]

export const status = signal<Status | null>(null)
export const statusAt = signal<number | null>(null)
export const history = new History<Series>(series)
/** Grows with each sample; charts draw when it does. */
export const samples = signal(0)
/** The document of which a version was saved last, and how many there have been. */
export const versionSaved = signal<{ document: string; count: number } | null>(null)
/** How many events were not told, because too much happened. */
export const missed = signal(0)

/** Kept in the tab while the page is loaded anew. */
const historyKey = 'selvedge-history'

export function start(): void {
  try {
    const kept = sessionStorage.getItem(historyKey)
    if (kept !== null) history.restore(JSON.parse(kept), Date.now() / 1_000)
  } catch {
    // Nothing that was kept, or nothing may be: the charts begin anew.
  }
  addEventListener('pagehide', () => {
    try {
      sessionStorage.setItem(historyKey, JSON.stringify(history.columnsByName()))
    } catch {
      // As above.
    }
  })
  follow(take)
}

function take(event: ServerEvent): void {
  let json: unknown
  try {
    json = JSON.parse(event.data)
  } catch {
    // Of a version that says it otherwise; what comes next may be known.
    return
  }
  switch (event.name) {
    case 'status':
      takeStatus(parse(json), Date.now())
      return
    case 'refused':
      add(new Fields(json), Date.now())
      return
    case 'version': {
      const document = new Fields(json).exact('document')
      if (document !== null) versionSaved.value = { document, count: (versionSaved.value?.count ?? 0) + 1 }
      return
    }
    case 'lost':
      missed.value += new Fields(json).number('count') ?? 0
      return
    case 'missed':
      missed.value += new Fields(json).number('missed') ?? 0
      return
    default:
    // An alert is in the next status too; other names are of the future.
  }
}

function takeStatus(next: Status, nowMs: number): void {
  status.value = next
  statusAt.value = nowMs
  history.add(nowMs / 1_000, {
    connections: next.connections,
    sessions: next.sessions,
    documents: next.documents,
    updates: next.updatesPerSecond,
    deliveries: next.deliveriesPerSecond,
    received: next.receivedBytesPerSecond,
    sent: next.sentBytesPerSecond,
    acknowledge50: next.acknowledge.p50,
    acknowledge95: next.acknowledge.p95,
    acknowledge99: next.acknowledge.p99,
    deliver50: next.deliver.p50,
    deliver95: next.deliver.p95,
    deliver99: next.deliver.p99,
  })
  samples.value++
}
