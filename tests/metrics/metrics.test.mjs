// /metrics of the built server: its form, its figures, and what is made of it.
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { binary, dataFolder, drivers, start } from '../clients/lib/server.mjs'
import { parse, sampleNames, sum, table } from './lib/page.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const run = promisify(execFile)
const load = join(dirname(binary), 'selvedge-load')

/** Longer than anything here takes. */
const PATIENCE_MS = 60_000
const FAMILIES_MIN = 50

async function scrape (server, headers = {}) {
  const answer = await fetch(`${server.control}/metrics`, { headers })
  assert.equal(answer.status, 200)
  return answer.text()
}

/** What is counted is laid out four times a second: scrapes until it holds, and says what does not where it never does. */
async function scrapeUntil (server, check) {
  for (const until = Date.now() + PATIENCE_MS; ;) {
    const page = await scrape(server)
    try {
      check(parse(page))
      return page
    } catch (error) {
      if (Date.now() > until) throw error
      await pause(50)
    }
  }
}

/** A file with one target of webhooks, which is sent nothing: families that have a series for each target have one. */
function hooks (folder) {
  const file = join(folder, 'hooks.toml')
  writeFileSync(join(folder, 'hook.secret'), 'a secret that is long enough to sign with')
  writeFileSync(file, '[[target]]\nname = "index"\nurl = "http://127.0.0.1:9/"\nsecret_file = "hook.secret"\nevents = ["stateless"]\n')
  return file
}

/** Runs a scenario of the load generator, and gives its figures. */
async function generate (server, ...scenario) {
  const { stdout } = await run(load, [...scenario, '--url', `${server.url}/{document}`, '--warm-up', '0', '--json', '-'], { maxBuffer: 64 << 20 })
  return Object.fromEntries(JSON.parse(stdout).figures.map(({ name, value }) => [name, value]))
}

function promtool (arguments_, input) {
  const { status, stdout, stderr } = spawnSync('promtool', arguments_, { input, cwd: root, encoding: 'utf8' })
  return { status, said: `${stdout}${stderr}` }
}

function isClean (arguments_) {
  const { status, said } = promtool(arguments_)
  assert.equal(status, 0, said)
}

for (const driver of drivers) {
  test(`${driver}: figures agree with what a load generator counted, and promtool finds nothing`, async t => {
    const server = await start(t, { driver, shards: 2, dataDir: join(dataFolder(t), 'data') })
    const sent = await generate(server, 'edit', '--documents', '6', '--writers', '12', '--readers', '2', '--rate', '20', '--seconds', '2')
    assert.equal(sent.missing_deliveries + sent.missing_acknowledgements + sent.duplicates, 0)
    const [documents, writers, readers] = [6, 12, 2]
    const others = writers / documents + readers - 1
    const page = await scrapeUntil(server, families => {
      const is = (name, value, labels) => assert.equal(sum(families, name, labels), value, name)
      is('selvedge_updates_accepted_total', sent.updates)
      is('selvedge_updates_refused_total', 0)
      // To everybody else, and back to its author when it is durable.
      is('selvedge_updates_delivered_total', sent.updates * (others + 1))
      is('selvedge_fan_out_updates_sum', sent.updates)
      is('selvedge_acknowledgement_latency_seconds_count', sent.updates)
      is('selvedge_delivery_latency_seconds_count', sent.updates)
      is('selvedge_upgrades_total', sent.connections, { route: 'document' })
      is('selvedge_connections_closed_total', sent.connections)
      is('selvedge_opening_duration_seconds_count', sent.connections)
      is('selvedge_join_duration_seconds_count', sent.connections)
      is('selvedge_document_loads_total', 6, { result: 'ok' })
      is('selvedge_sessions', 0)
      is('selvedge_committed_records_total', sum(families, 'selvedge_records_total'))
      is('selvedge_committed_bytes_total', sum(families, 'selvedge_records_bytes_total'))
      is('selvedge_commit_duration_seconds_count', sum(families, 'selvedge_commits_total'))
      is('selvedge_outbox_bytes', 0)
      is('selvedge_memory_purpose_bytes', 0, { purpose: 'uncommitted' })
      // The text of an update alone is longer than this.
      assert.ok(sum(families, 'selvedge_received_bytes_total') > 20 * sent.updates)
      assert.ok(sum(families, 'selvedge_sent_bytes_total') > 20 * sent.updates * others)
      assert.ok(sum(families, 'selvedge_acknowledgement_latency_seconds_sum') > 0)
    })
    assert.deepEqual(promtool(['check', 'metrics'], page), { status: 0, said: '' })
    assert.ok(parse(page).size >= FAMILIES_MIN)
  })

  test(`${driver}: what one writer sends to many is counted once for each`, async t => {
    // Those that come when the document is hot stay on the core that accepted them.
    const server = await start(t, { driver, shards: 2, dataDir: join(dataFolder(t), 'data'), hotDocumentSessions: 10 })
    const sent = await generate(server, 'fanout', '--readers', '40', '--writers', '1', '--rate', '20', '--seconds', '2')
    assert.equal(sent.missing_deliveries + sent.missing_acknowledgements + sent.duplicates, 0)
    await scrapeUntil(server, families => {
      assert.equal(sum(families, 'selvedge_updates_accepted_total'), sent.updates)
      // And back to the writer.
      assert.equal(sum(families, 'selvedge_updates_delivered_total'), sent.updates * (40 + 1))
    })
  })
}

test('the documentation names every family, and no other', async t => {
  const folder = dataFolder(t)
  const server = await start(t, { shards: 2, dataDir: join(folder, 'data'), webhooksFile: hooks(folder) })
  // So that there are requests to be counted.
  await scrape(server)
  const families = parse(await scrape(server))
  for (const [name, { samples }] of families) assert.ok(samples.length > 0, `${name} has no series, so nobody sees its labels`)
  const path = join(root, 'docs/OPERATIONS.md')
  const page = readFileSync(path, 'utf8')
  const [, before, after] = /^([^]*<!-- families -->\n)[^]*?(<!-- \/families -->[^]*)$/.exec(page) ?? assert.fail('there is no place for the table')
  const wanted = `${before}${table(families)}\n${after}`
  if (process.env.METRICS_WRITE) writeFileSync(path, wanted)
  else assert.equal(page, wanted, 'tests/metrics/run --write writes the table anew')
})

test('alerts and dashboard ask for nothing that is not there', async t => {
  const folder = dataFolder(t)
  const server = await start(t, { shards: 2, dataDir: join(folder, 'data'), webhooksFile: hooks(folder) })
  await scrape(server)
  const there = sampleNames(parse(await scrape(server)))
  const alerts = readFileSync(join(root, 'deploy/prometheus/alerts.yml'), 'utf8')
  const rules = alerts.split(/^ +- alert: /m).slice(1)
  const dashboard = JSON.parse(readFileSync(join(root, 'deploy/grafana/selvedge.json'), 'utf8'))
  const panels = dashboard.panels.filter(({ type }) => type !== 'row')
  const expressions = [
    ...rules.map(rule => /expr: ([^]*?)\n {8}(?:for|labels):/.exec(rule)[1]),
    ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ...dashboard.templating.list.filter(({ type }) => type === 'query').map(({ query }) => query),
    ...dashboard.annotations.list.map(({ expr }) => expr)
  ]
  assert.ok(rules.length >= 10 && panels.length >= 40)
  const named = text => [...text.matchAll(/\b(?:selvedge|process)_[a-z0-9_]+/g)].map(([name]) => name)
  for (const expression of expressions) {
    const names = named(expression)
    assert.ok(names.length > 0 || expression.startsWith('up{'), expression)
    for (const name of names) assert.ok(there.has(name), `${name} in ${expression}`)
  }
  // Advice names families without the endings of their series.
  const families = [...there].map(name => name.replace(/_(bucket|sum|count)$/, ''))
  for (const name of named(alerts)) assert.ok(there.has(name) || families.includes(name), name)
  for (const { title, description, fieldConfig } of panels) {
    assert.ok(title && description && fieldConfig.defaults.unit, `${title} says what it shows, and in which unit`)
  }
  for (const rule of rules) {
    for (const part of ['summary:', 'description:', 'action:', 'severity:']) assert.ok(rule.includes(part) || /<<|\*errors/.test(rule), `${part} of ${rule}`)
  }
})

test('promtool takes the rules, their tests and the example', () => {
  isClean(['check', 'rules', 'deploy/prometheus/alerts.yml'])
  isClean(['test', 'rules', 'deploy/prometheus/alerts.test.yml'])
  isClean(['check', 'config', 'deploy/prometheus/prometheus.yml'])
})

test('every alert has a test of when it fires and when not', () => {
  const alerts = readFileSync(join(root, 'deploy/prometheus/alerts.yml'), 'utf8')
  const tests = readFileSync(join(root, 'deploy/prometheus/alerts.test.yml'), 'utf8')
  for (const [, name] of alerts.matchAll(/- alert: (\w+)/g)) {
    assert.ok(tests.includes(`name: ${name} fires\n`) && tests.includes(`name: ${name} is quiet\n`), name)
  }
})

test('both text formats say the same', async t => {
  const server = await start(t, { shards: 2, dataDir: join(dataFolder(t), 'data') })
  await scrape(server)
  const text = parse(await scrape(server))
  const answer = await fetch(`${server.control}/metrics`, { headers: { accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5' } })
  assert.match(answer.headers.get('content-type'), /^application\/openmetrics-text; version=1\.0\.0/)
  const page = await answer.text()
  assert.ok(page.endsWith('\n# EOF\n'))
  const kinds = [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => name + ({ counter: '_total', info: '_info' }[type] ?? ''))
  assert.deepEqual(kinds, [...text.keys()])
})

test('a route that was asked for makes the page a dozen lines longer', async t => {
  const server = await start(t, { shards: 2, dataDir: join(dataFolder(t), 'data') })
  await scrape(server)
  const before = (await scrape(server)).split('\n')
  assert.equal((await fetch(`${server.control}/healthz`)).status, 200)
  const added = (await scrape(server)).split('\n').length - before.length
  assert.ok(added > 0 && added <= 12, `${added} lines`)
})

test('where tokens are asked for, metrics are for those with the admin claim', async t => {
  const folder = dataFolder(t)
  const secret = join(folder, 'secret')
  writeFileSync(secret, 'a secret that is long enough for HS256, and only for this test')
  const server = await start(t, { shards: 2, dataDir: join(folder, 'data'), authSecretFile: secret })
  const token = async (...rights) => {
    const { stdout } = await run(binary, ['token', '--auth-secret-file', secret, '--sub', 'prometheus', ...rights], { env: {} })
    return stdout.trim()
  }
  const status = async token => (await fetch(`${server.control}/metrics`, { headers: token ? { authorization: `Bearer ${token}` } : {} })).status
  assert.equal(await status(), 401)
  assert.equal(await status('nonsense'), 401)
  assert.equal(await status(await token('--document', '*=write')), 403)
  assert.equal(await status(await token('--admin')), 200)
})
