import { expect, test } from 'vitest'
import { parse } from './status'

const latency = (p50: number | null) => ({ average: p50, p50, p95: p50, p99: p50, max: p50, count: p50 === null ? 0 : 7 })

test('a status is read into figures with one unit each', () => {
  const status = parse({
    version: '0.1.0',
    uptime_seconds: 12.5,
    draining: false,
    ready: false,
    unready_reason: 'storage does not write',
    connections: 3,
    per_second: { over_1_s: { updates: 10, deliveries: 90, bytes_received: 1_000, bytes_sent: 9_000 }, over_10_s: {}, over_60_s: {} },
    operations: [
      {
        operation: 'acknowledge',
        over_10_s_ms: latency(2),
        over_300_s_ms: latency(1),
        comparison: { change_percent: 31, is_slower: true },
      },
      { operation: 'deliver', over_10_s_ms: latency(null), over_300_s_ms: latency(null), comparison: null },
    ],
    limits: [{ name: 'connections_max', current: 3, max: 100, hits: 0, unit: 'connections' }],
    per_core: [{ core: 0, turning: true, load: 0.25, connections: 3, sessions: 3, documents: 1 }],
    memory: { used_bytes: 5, budget_bytes: 0, by_purpose_bytes: { outboxes: 2 } },
    storage: { writable: false },
    quality: { excellent: 1, good: 1, poor: 0, unknown: 1, excellent_within_ms: 50, good_within_ms: 150 },
    alerts: [
      {
        severity: 'critical',
        name: 'storage_not_writable',
        since: '2026-11-21T10:00:00.000Z',
        value: 1,
        threshold: 1,
        unit: 'stalls',
        recommendation: 'Look.',
      },
    ],
    slow_operations: [
      { at: '2026-11-21T10:00:00.000Z', operation: 'catch_up', document: 'a/b', took_ms: 812, cause: 'reader_queue', waited_ms: 700 },
    ],
  })
  expect(status.state).toBe('not ready: storage does not write')
  expect(status.acknowledge).toEqual({ p50: 0.002, p95: 0.002, p99: 0.002, count: 7 })
  expect(status.deliver.p99).toBeNull()
  expect(status.updatesPerSecond).toBe(10)
  expect(status.connectionsMax).toBe(100)
  // No budget is not a budget of nothing.
  expect(status.memory.budgetBytes).toBeNull()
  expect(status.alerts[0]).toMatchObject({ title: 'Storage not writable', severity: 'critical', detail: '1 stall, the threshold is 1' })
  expect(status.slow[0]).toEqual({
    operation: 'catch up',
    document: 'a/b',
    cause: 'reader queue, waited: 700 ms',
    seconds: 0.812,
    atMs: Date.UTC(2026, 10, 21, 10),
  })
})

test('what is missing, of another type or without end is nothing, and no error', () => {
  for (const odd of [
    null,
    [],
    'x',
    { per_core: 7, limits: [null, 'x'], alerts: [{}], slow_operations: [[]], memory: [], quality: 'good' },
  ]) {
    expect(parse(odd).connections).toBeNull()
  }
  const many = Array.from({ length: 100_000 }, () => ({ name: 'x'.repeat(10_000) }))
  const status = parse({ alerts: many, limits: many, per_core: many })
  expect(status.alerts).toHaveLength(200)
  expect(status.alerts[0]?.title.length).toBeLessThanOrEqual(200)
  expect(status.cores).toHaveLength(1_024)
})
