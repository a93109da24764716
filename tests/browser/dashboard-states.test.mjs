// The dashboard in front of a control plane that says what a real one says rarely: outages, tokens that are not enough, hostile words.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accessible, fits, somebody } from './lib/browser.mjs'
import { plane, statusOf } from './lib/plane.mjs'
import { eventually, expectText } from './lib/wait.mjs'

const TEST_MS = 180_000
const EVIL = '<img src=x onerror=alert(1)>\u202e'
/** As it is shown: the mark that turns text around is replaced. */
const SHOWN = '<img src=x onerror=alert(1)>\ufffd'

const since = new Date(Date.now() - 90_000).toISOString()
const path = name => `/v1/documents/${encodeURIComponent(name)}`

/** A control plane with one document of each kind of trouble. */
function world (more = {}) {
  const versions = [
    { id: 3, name: `before ${EVIL}`, author: EVIL, created_at: since, sequence: 120, bytes: 2_000, automatic: false },
    { id: 2, name: '', author: null, created_at: since, sequence: 80, bytes: 1_500, automatic: true }
  ]
  return {
    status: statusOf({
      alerts: [
        { severity: 'critical', name: 'storage_not_writable', since, value: 1, threshold: 1, unit: 'stalls', recommendation: `Look at the disk. ${EVIL}` },
        { severity: 'warning', name: 'memory_growth', since, value: 50, threshold: 60, unit: 'minutes until full', recommendation: 'Look at outboxes.' }
      ],
      slow_operations: [{ at: since, operation: 'load', document: EVIL, took_ms: 812, cause: 'reader_queue', waited_ms: 700 }]
    }),
    answers: {
      'GET /v1/documents': ({ path }) => {
        const query = new URL(path, 'http://a').searchParams
        if (query.get('live') === 'true') return { status: 200, body: { documents: [{ name: 'notes/7', created_at: null, sessions: 12 }, { name: EVIL, created_at: since, sessions: 2 }].filter(({ name }) => name.startsWith(query.get('prefix') ?? '')), next: null } }
        const all = [EVIL, ...Array.from({ length: 120 }, (_, at) => `notes/${at}`)].filter(name => name.startsWith(query.get('prefix') ?? ''))
        const from = Number(query.get('cursor') ?? 0)
        const limit = Number(query.get('limit'))
        const next = from + limit < all.length ? String(from + limit) : null
        return { status: 200, body: { documents: all.slice(from, from + limit).map(name => ({ name, created_at: since, sessions: 0 })), next } }
      },
      [`GET ${path(EVIL)}`]: { name: EVIL, sequence: 120, bytes: 4_000, created_at: since, updated_at: since, sessions: 2 },
      [`GET ${path(EVIL)}/sessions`]: {
        count: 2,
        sessions: [
          { id: '1-9', access: 'write', dialect: 'y-websocket', since, subject: EVIL, address: '10.0.0.1', awareness: [{ client: 7, state: { user: { name: EVIL, color: 'red;background:url(//evil)' } } }] },
          { id: '0-3', access: 'read', dialect: 'hocuspocus', since, awareness: [{ client: 8, state: { user: { name: 'Anna', color: '#30bced' } } }, { client: 9, state: null }] }
        ]
      },
      [`DELETE ${path(EVIL)}/sessions/1-9`]: { sessions: 1 },
      [`GET ${path(EVIL)}/content`]: ({ headers }) => ({
        status: 200,
        body: headers.accept.includes('json') ? { roots: { body: { type: 'text', value: EVIL } } } : `plain ${EVIL}`
      }),
      [`GET ${path(EVIL)}/versions`]: () => ({ status: 200, body: { versions } }),
      [`POST ${path(EVIL)}/versions`]: ({ body }) => {
        versions.unshift({ id: 4, name: body.name, author: 'me', created_at: since, sequence: 121, bytes: 2_100, automatic: false })
        return { status: 201, body: versions[0] }
      },
      [`GET ${path(EVIL)}/versions/3/content`]: ({ headers }) => ({
        status: 200,
        body: headers.accept.includes('json') ? { roots: { body: { type: 'text', value: `then ${EVIL}` } } } : `then ${EVIL}`
      }),
      [`GET ${path(EVIL)}/versions/3/compare`]: {
        clients: [{ client: 42, inserted: 12 }, { client: 8, inserted: 1 }],
        deleted: 3,
        roots: [
          { root: EVIL, type: 'text', state: 'changed', clients: [42], text: [{ retain: 5, text: 'some ' }, { retain: 5_000 }, { delete: { value: 'old words', attributes: {} } }, { insert: { value: `new ${EVIL}`, attributes: {} } }], values: [] },
          { root: 'todo', type: 'array', state: 'changed', clients: [], text: [], values: [{ splice: { path: [], index: 2, removed: [{ done: false }], inserted: [{ done: true }] } }, { text: { path: [2, 'title'], pieces: [{ retain: 4, text: 'Go t' }, { insert: { value: `here ${EVIL}`, attributes: {} } }] } }] }
        ]
      },
      [`POST ${path(EVIL)}/versions/3/restore`]: { sequence: 122, changed: true },
      'GET /v1/settings': () => ({
        status: 200,
        body: {
          revision: 4,
          pending: [],
          settings: [
            { name: 'connections_max', group: 'Server', meaning: 'Connections of the whole process.', value: 10_000, default: 1_000_000, unit: 'connections', allowed: '1 to 16777216', origin: 'default', live: true },
            { name: 'shards', group: 'Server', meaning: 'Cores.', value: 'auto', default: 'auto', unit: '', allowed: '1 to 1024', origin: 'command line', live: false }
          ]
        }
      }),
      'PATCH /v1/settings': ({ body }) => body.connections_max === '5'
        ? { status: 200, body: { revision: 5, persisted: false, changed: [] } }
        : { status: 422, body: 'connections_max has to be 1 to 16777216' },
      'POST /v1/settings/rollback': { revision: 6, persisted: false, changed: [] }
    },
    ...more
  }
}

/** Each view, and something that is there when all of it is. */
const views = {
  overview: 'Connection quality',
  alerts: 'Storage not writable',
  documents: 'notes/3',
  [`documents/${encodeURIComponent(EVIL)}`]: 'Anna',
  refusals: 'Nothing was refused',
  settings: 'connections_max'
}

async function show (page, served, view) {
  await page.goto(`${served.control}/#/${view}`)
  await page.locator('main').getByText(views[view]).first().waitFor()
  await page.getByText('Live', { exact: true }).waitFor()
}

async function open (t, { view = 'overview', says = world(), ...options } = {}) {
  const served = await plane(t, says)
  const person = await somebody(t, options)
  const page = await person.open(`${served.control}/#/${view}`)
  return { served, person, page, main: page.locator('main') }
}

/** A figure of the overview. */
const tile = (page, text) => page.locator('.tile-value').getByText(text, { exact: true })

/** What a browser writes of an answer that is no success, where one is wanted. */
function forgive (person, status) {
  person.troubles.splice(0, Infinity, ...person.troubles.filter(text => !text.includes(`status of ${status}`)))
}

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing grave in any view, ${colorScheme}`, { timeout: TEST_MS }, async t => {
    const { served, page, main } = await open(t, { colorScheme })
    for (const view of Object.keys(views)) {
      await show(page, served, view)
      await accessible(page, view)
    }
    await show(page, served, 'refusals')
    served.say('refused', { time: since, reason: 'token_expired', detail: EVIL, subject: EVIL, address: '10.0.0.1' })
    await main.getByText('Token expired').waitFor()
    await accessible(page, 'a refusal')
    await page.goto(`${served.control}/#/documents/${encodeURIComponent(EVIL)}`)
    await page.getByRole('button', { name: 'Text', exact: true }).click()
    await page.getByRole('button', { name: `Compare before ${SHOWN}` }).click()
    await page.getByText('old words').waitFor()
    await accessible(page, 'a comparison')
    await page.getByRole('button', { name: `View before ${SHOWN}` }).click()
    await page.getByText('then <img').waitFor()
    await accessible(page, 'a version')
    await page.getByRole('button', { name: `Restore before ${SHOWN}` }).click()
    await page.getByRole('dialog').waitFor()
    await accessible(page, 'a question')
  })
}

test('a narrow window shows all of every view', { timeout: TEST_MS }, async t => {
  const { served, page } = await open(t, { viewport: { width: 360, height: 740 } })
  for (const view of Object.keys(views)) {
    await show(page, served, view)
    await fits(page)
  }
})

test('on a phone whatever can be done is in sight', { timeout: TEST_MS }, async t => {
  const { served, page } = await open(t, { viewport: { width: 375, height: 740 } })
  for (const view of Object.keys(views)) {
    await show(page, served, view)
    const hidden = await page.locator('nav a, main a, button').evaluateAll(all => all.flatMap(element => {
      const { left, right } = element.getBoundingClientRect()
      const frame = (element.closest('.scroll') ?? document.documentElement).getBoundingClientRect()
      return left >= frame.left && right <= Math.min(frame.right, innerWidth) ? [] : [element.textContent]
    }))
    assert.deepEqual(hidden, [], view)
  }
})

test('no tile stands alone in a row', { timeout: TEST_MS }, async t => {
  const { page } = await open(t)
  await tile(page, '1,234').waitFor()
  for (const width of [320, 375, 600, 768, 1024, 1280, 1440, 1920]) {
    await page.setViewportSize({ width, height: 900 })
    const { tops, cut } = await page.locator('.tile').evaluateAll(tiles => ({
      tops: tiles.map(one => one.getBoundingClientRect().top),
      cut: tiles.filter(one => one.querySelector('.tile-value').scrollWidth > one.clientWidth).length
    }))
    const rows = [...new Set(tops)].map(top => tops.filter(other => other === top).length)
    assert.ok(new Set(rows).size === 1 && rows[0] > 1, `${rows} at ${width}`)
    assert.equal(cut, 0, `a figure is cut at ${width}`)
  }
})

test('with forced colours what only a colour says is still seen', { timeout: TEST_MS }, async t => {
  const { served, page } = await open(t, { forcedColors: 'active' })
  const colour = locator => locator.first().evaluate(element => getComputedStyle(element).backgroundColor)
  await show(page, served, 'overview')
  for (const [part, ground] of [['.meter-part', '.meter-bar'], ['.swatch.poor', 'body'], ['.stack .poor', '.stack .excellent'], ['.freshness .dot', 'body']]) {
    assert.notEqual(await colour(page.locator(part)), await colour(page.locator(ground)), part)
  }
  await show(page, served, `documents/${encodeURIComponent(EVIL)}`)
  assert.equal(await colour(page.locator('.presence', { hasText: 'Anna' }).locator('.dot')), 'rgb(48, 188, 237)')
  const button = page.getByRole('button', { name: 'Text', exact: true })
  const before = await colour(button)
  await button.click()
  await page.locator('pre.content').waitFor()
  assert.notEqual(await colour(button), before)
})

test('charts go on where they were when the page is loaded anew', { timeout: TEST_MS }, async t => {
  const rates = updates => ({ over_1_s: { updates, deliveries: 1, bytes_received: 1, bytes_sent: 1 }, over_10_s: {}, over_60_s: {} })
  const says = world()
  says.status = statusOf({ per_second: rates(4_321) })
  const { served, page } = await open(t, { says })
  const most = page.getByRole('region', { name: 'Updates and deliveries' }).getByRole('row', { name: /^updates/ }).getByRole('cell')
  await eventually(() => most.allTextContents(), texts => texts[2] === '4,321/s')
  served.status = statusOf({ per_second: rates(7) })
  await page.reload()
  await eventually(() => most.allTextContents(), texts => texts[0] === '7/s' && texts[2] === '4,321/s')
})

test('words of strangers are words', { timeout: TEST_MS }, async t => {
  const { served, page, main } = await open(t)
  const shows = async () => {
    await main.getByText('onerror').first().waitFor()
    assert.equal(await page.locator('img, iframe, object').count(), 0)
  }
  await page.goto(`${served.control}/#/alerts`)
  await shows()
  await page.getByRole('link', { name: SHOWN }).click()
  await page.getByRole('heading', { level: 1, name: SHOWN }).waitFor()
  await page.locator('.presence').first().waitFor()
  assert.deepEqual(await page.locator('.presence .dot').evaluateAll(dots => dots.map(dot => dot.getAttribute('style') ?? '')), ['', 'background-color: rgb(48, 188, 237);', ''])
  for (const kind of ['JSON', 'Text']) {
    await page.getByRole('button', { name: kind, exact: true }).click()
    await page.locator('pre.content', { hasText: 'onerror' }).waitFor()
  }
  await page.getByRole('button', { name: /^Compare before/ }).click()
  await page.locator('ins', { hasText: 'onerror' }).first().waitFor()
  await shows()
  await page.getByRole('button', { name: /^View before/ }).click()
  for (const kind of ['Text', 'JSON']) {
    await page.locator('.sheet').getByRole('button', { name: kind, exact: true }).click()
    await page.locator('.sheet pre.content', { hasText: 'then <img' }).waitFor()
  }
  await shows()
  await page.getByRole('link', { name: 'Refusals' }).click()
  served.say('refused', { time: since, reason: EVIL, detail: EVIL.repeat(1_000), subject: EVIL, address: EVIL })
  await shows()
  assert.ok((await main.textContent()).length < 5_000)
})

/** Names that would show nothing, and what is seen of them. */
const BLANK = [[' ', '\ufffd U+0020'], ['\u00a0', '\ufffd U+00A0'], ['\u3164', '\ufffd U+3164'], ['\u0301\u0301\u0301', '\ufffd U+0301 U+0301 U+0301'], ['\u200b', '\ufffd U+200B']]

test('what has a name that nobody would see is seen, told apart and opened', { timeout: TEST_MS }, async t => {
  const says = world()
  const versions = BLANK.map(([name], at) => ({ id: at + 1, name, author: name, created_at: since, sequence: 1, bytes: 1, automatic: false }))
  const sessions = BLANK.map(([name], at) => ({ id: `0-${at}`, access: 'write', dialect: 'hocuspocus', since, subject: name, awareness: [{ client: at, state: { user: { name } } }] }))
  says.answers['GET /v1/documents'] = { documents: BLANK.map(([name]) => ({ name, created_at: since, sessions: 0 })), next: null }
  says.status.slow_operations = BLANK.map(([document]) => ({ at: since, operation: 'load', document, took_ms: 812, cause: 'reader_queue', waited_ms: 700 }))
  for (const [name] of BLANK) {
    says.answers[`GET ${path(name)}`] = { name, sequence: 1, bytes: 1, created_at: since, updated_at: since, sessions: BLANK.length }
    says.answers[`GET ${path(name)}/sessions`] = { count: BLANK.length, sessions }
    says.answers[`GET ${path(name)}/versions`] = { versions }
  }
  const { served, page, main } = await open(t, { view: 'documents', says })
  for (const [, shown] of BLANK) {
    const link = main.getByRole('link', { name: shown, exact: true })
    await link.click()
    await page.getByRole('heading', { level: 1, name: shown, exact: true }).waitFor()
    await eventually(() => page.title(), `${shown} · Selvedge`)
    for (const [, other] of BLANK) {
      await main.locator('.presence').getByText(other, { exact: true }).waitFor()
      await main.getByRole('rowheader', { name: other, exact: true }).waitFor()
      await main.getByRole('button', { name: `Restore ${other}` }).waitFor()
    }
    await page.goBack()
  }
  await main.getByRole('link', { name: BLANK[0][1], exact: true }).waitFor()
  await accessible(page, 'the list', { isStrict: true })
  await page.goto(`${served.control}/#/documents/${encodeURIComponent(BLANK[0][0])}`)
  await main.locator('.presence').first().waitFor()
  await accessible(page, 'one of them', { isStrict: true })
  await page.goto(`${served.control}/#/alerts`)
  await main.getByRole('link', { name: BLANK[0][1], exact: true }).waitFor()
  await accessible(page, 'a slow operation', { isStrict: true })
})

test('an outage is said, and is over by itself', { timeout: TEST_MS }, async t => {
  const { served, page } = await open(t, { outages: true })
  await tile(page, '1,234').waitFor()
  await served.stop()
  await page.getByText('Disconnected', { exact: true }).waitFor()
  await page.getByText(/Next try in \d+ s/).waitFor()
  // What was known stays, with its age.
  await page.getByText(/Figures from \d+ s ago/).waitFor()
  assert.equal(await tile(page, '1,234').count(), 1)
  await page.getByText(/last seen \d+ s ago/).waitFor()
  await accessible(page, 'what was')
  // Whether it is ready nobody knows.
  assert.equal(await page.locator('.view-head').getByText('ready').count(), 0)
  served.status = statusOf({ connections: 4_321 })
  await served.listen()
  await page.getByText('Live', { exact: true }).waitFor()
  await tile(page, '4,321').waitFor()
  assert.equal(await page.getByText('last seen').count(), 0)
})

test('of a document in an outage nothing is said twice, and what is known stays', { timeout: TEST_MS }, async t => {
  const { served, page, main } = await open(t, { outages: true, view: `documents/${encodeURIComponent(EVIL)}` })
  await page.getByText('Live', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Compare before' }).click()
  await main.getByText('old words').waitFor()
  const spoken = await page.evaluateHandle(() => {
    const texts = []
    new MutationObserver(changes => {
      for (const { addedNodes } of changes) for (const node of addedNodes) if (node.role === 'alert') texts.push(node.textContent)
    }).observe(document.querySelector('main'), { childList: true, subtree: true })
    return texts
  })
  await served.stop()
  await page.getByText('Disconnected', { exact: true }).waitFor()
  // Long enough for all that is asked for every few seconds.
  await page.getByText(/Figures from (?:[89]|\d\d+) s ago/).waitFor()
  assert.equal(await main.getByText('The server cannot be reached.').count(), 0)
  assert.equal(await main.getByText('old words').count(), 1)
  // While the loss was not known yet a request may have failed, and said so, each once.
  const texts = await spoken.jsonValue()
  assert.ok(texts.length <= 2, JSON.stringify(texts))
  // What is asked for meanwhile is there when the server is.
  await page.getByRole('button', { name: 'Text', exact: true }).click()
  await main.getByText('The server cannot be asked for the content now.').waitFor()
  await served.listen()
  await main.getByText('plain <img').waitFor()
})

test('what fails again and again is said once', { timeout: TEST_MS }, async t => {
  const says = world()
  let failures = 0
  says.answers[`GET ${path(EVIL)}/sessions`] = () => {
    failures++
    return { status: 503, body: 'not now' }
  }
  const { person, page, main } = await open(t, { says, view: `documents/${encodeURIComponent(EVIL)}` })
  const box = main.getByRole('alert')
  await box.getByText('not now').waitFor()
  await box.evaluate(element => { element.isTheFirst = true })
  const before = failures
  await eventually(() => failures, count => count > before + 1)
  assert.ok(await box.evaluate(element => element.isTheFirst))
  says.answers[`GET ${path(EVIL)}/sessions`] = { count: 0, sessions: [] }
  await main.getByText('Nobody has this document open.').waitFor()
  assert.equal(await box.count(), 0)
  forgive(person, 503)
})

test('what trying again does not mend offers no other try, and sizes are read by people', { timeout: TEST_MS }, async t => {
  const says = world()
  const content = `GET ${path(EVIL)}/content`
  says.answers[content] = () => ({ status: 422, body: 'the answer has more than 16777216 bytes' })
  const { person, page, main } = await open(t, { says, view: `documents/${encodeURIComponent(EVIL)}` })
  const [text, json] = ['Text', 'JSON'].map(name => page.getByRole('button', { name, exact: true }))
  await json.click()
  const failed = main.getByRole('alert')
  await failed.getByText('the answer has more than 16 MiB', { exact: true }).waitFor()
  assert.equal(await failed.getByRole('button').count(), 0)
  await accessible(page, 'a failure')
  // One that passes offers it.
  says.answers[content] = () => ({ status: 503, body: 'too many documents are being looked at already' })
  await text.click()
  await failed.getByText('too many documents').waitFor()
  says.answers[content] = () => ({ status: 200, body: '' })
  await failed.getByRole('button', { name: 'Try again' }).click()
  // There may be much else in a document without text.
  await page.getByLabel('Content as text').getByText('It has no text.', { exact: true }).waitFor()
  forgive(person, 422)
  forgive(person, 503)
})

test('a document that nobody has written says so', { timeout: TEST_MS }, async t => {
  const { person, page } = await open(t, { view: 'documents/new' })
  await page.getByText('Nothing is stored under this name yet.').waitFor()
  assert.equal(await page.getByRole('alert').count(), 0)
  forgive(person, 404)
})

test('a stream that says nothing more is given up', { timeout: TEST_MS }, async t => {
  const { served, page } = await open(t)
  await page.getByText('Live', { exact: true }).waitFor()
  served.isSilent = true
  await page.getByText('Disconnected', { exact: true }).waitFor()
  served.isSilent = false
  await page.getByRole('button', { name: 'Try now' }).click()
  await page.getByText('Live', { exact: true }).waitFor()
})

test('tabs that nobody looks at leave the connections of the browser to the others', { timeout: TEST_MS }, async t => {
  const served = await plane(t, world())
  const person = await somebody(t)
  await person.context.addInitScript(() => {
    let isHidden = false
    Object.defineProperty(document, 'hidden', { get: () => isHidden })
    window.hide = value => { isHidden = value; document.dispatchEvent(new Event('visibilitychange')) }
  })
  const tabs = []
  // As many as a browser opens connections to one server by HTTP/1.1.
  for (let number = 0; number < 6; number++) {
    tabs.push(await person.open(served.control))
    await tabs[number].getByText('Live', { exact: true }).waitFor()
    await tabs[number].evaluate(() => window.hide(true))
  }
  const last = await person.open(served.control)
  await last.getByText('Live', { exact: true }).waitFor()
  await eventually(() => served.streams.size, 1)
  await tabs[0].getByText('Paused', { exact: true }).waitFor()
  await tabs[0].evaluate(() => window.hide(false))
  await tabs[0].getByText('Live', { exact: true }).waitFor()
})

test('a token is asked for, kept in the tab, and sent in a header only', { timeout: TEST_MS }, async t => {
  const token = 'header.payload.signature'
  const { served, person, page } = await open(t, { says: world({ token }) })
  const field = page.getByLabel('Token with the admin claim')
  await field.fill('something else')
  await field.press('Enter')
  await page.getByRole('alert').getByText('no key of this server').waitFor()
  await accessible(page, 'the question for a token')
  await field.fill(token)
  await field.press('Enter')
  await tile(page, '1,234').waitFor()
  // The field is gone; focus is not lost with it.
  await eventually(() => page.evaluate(() => document.activeElement.id), 'main')
  await page.getByRole('link', { name: 'Documents' }).click()
  await page.getByRole('link', { name: 'notes/3', exact: true }).waitFor()
  assert.ok(!page.url().includes(token))
  assert.deepEqual(served.requests.filter(request => request.path.includes('payload')), [])
  assert.equal(await page.evaluate(() => JSON.stringify(localStorage)), '{}')
  await page.reload()
  await page.getByText('Live', { exact: true }).waitFor()
  const other = await person.open(served.control)
  await other.getByRole('heading', { name: 'This server asks for a token' }).waitFor()
  await page.getByRole('button', { name: 'Forget token' }).click()
  await page.getByRole('heading', { name: 'This server asks for a token' }).waitFor()
  forgive(person, 401)
})

test('a token without the admin claim is said to be not enough', { timeout: TEST_MS }, async t => {
  const served = await plane(t, world())
  const person = await somebody(t)
  await person.context.route('**/v1/events*', route => route.fulfill({ status: 403, contentType: 'application/problem+json', body: '{"detail":"the token has no admin claim"}' }))
  const page = await person.open(served.control)
  await page.getByText('the token has no admin claim').waitFor()
  await page.getByText('There are no figures without a token').waitFor()
  await page.getByRole('button', { name: 'Use another token' }).click()
  await page.getByLabel('Token with the admin claim').waitFor()
  forgive(person, 403)
})

test('documents are found by prefix, and shown a page at a time', { timeout: TEST_MS }, async t => {
  const { page } = await open(t, { view: 'documents' })
  const rows = page.locator('tbody tr')
  await eventually(() => rows.count(), 50)
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByText('Page 2').waitFor()
  await page.getByRole('button', { name: 'Next' }).click()
  await eventually(() => rows.count(), 21)
  assert.ok(await page.getByRole('button', { name: 'Next' }).isDisabled())
  await page.getByRole('button', { name: 'Previous' }).click()
  await eventually(() => rows.count(), 50)
  const status = page.getByRole('main').getByRole('status').filter({ hasText: 'shown' })
  await page.getByLabel('Name starts with').fill('notes/11')
  await eventually(() => rows.count(), 11)
  await eventually(() => status.textContent(), '11 documents shown')
  assert.equal(await page.getByRole('button', { name: 'Next' }).count(), 0)
  await page.getByLabel('Name starts with').fill('nothing')
  await page.getByText('No document has a name that starts so.').waitFor()
  await eventually(() => status.textContent(), 'No documents shown')
})

test('a list of documents keeps its place: going back, loading anew, and as an address', { timeout: TEST_MS }, async t => {
  const { person, page } = await open(t, { view: 'documents' })
  const rows = page.locator('tbody tr')
  await page.getByLabel('Name starts with').fill('notes/')
  await eventually(() => page.url().includes('prefix=notes'), true)
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByText('Page 2').waitFor()
  await page.getByRole('link', { name: 'notes/51', exact: true }).click()
  await page.getByRole('heading', { level: 1, name: 'notes/51' }).waitFor()
  await eventually(() => page.title(), 'notes/51 · Selvedge')
  await page.goBack()
  await page.getByRole('link', { name: 'notes/51', exact: true }).waitFor()
  assert.equal(await page.getByLabel('Name starts with').inputValue(), 'notes/')
  await page.getByRole('link', { name: 'notes/52', exact: true }).click()
  await page.getByRole('navigation', { name: 'Where this is' }).getByRole('link').click()
  await page.getByText('Page 2').waitFor()
  await page.goBack()
  await page.goBack()
  await page.reload()
  await page.getByText('Page 2').waitFor()
  const other = await person.open(page.url())
  await other.getByRole('button', { name: 'Next' }).click()
  await eventually(() => other.locator('tbody tr').count(), 20)
  await other.reload()
  await other.getByRole('button', { name: 'First page' }).click()
  await eventually(() => other.locator('tbody tr').count(), 50)
  await page.getByRole('button', { name: 'Previous' }).click()
  await eventually(() => rows.first().textContent(), text => text.startsWith('notes/0'))
  forgive(person, 404)
})

test('documents with sessions are found among those in memory, those with most sessions first', { timeout: TEST_MS }, async t => {
  const { page } = await open(t)
  await expectText(() => page.locator('.tile', { hasText: 'Documents in memory' }).locator('.tile-value').textContent(), '312')
  await page.getByRole('link', { name: 'those with sessions' }).click()
  const rows = page.locator('tbody tr')
  await eventually(() => rows.count(), 2)
  await expectText(() => rows.first().textContent(), /^notes\/7\s*12/)
  assert.ok(await page.getByLabel('With sessions only').isChecked())
  await page.getByLabel('Name starts with').fill('x')
  await page.getByText('No document whose name starts so has sessions.').waitFor()
  await page.getByLabel('Name starts with').fill('')
  await eventually(() => rows.count(), 2)
  await page.getByLabel('With sessions only').uncheck()
  await eventually(() => rows.count(), 50)
})

test('a page without documents that is not the last says so', { timeout: TEST_MS }, async t => {
  const says = world()
  says.answers['GET /v1/documents'] = ({ path }) => ({
    status: 200,
    body: path.includes('cursor=more') ? { documents: [{ name: 'mine', created_at: since, sessions: 0 }], next: null } : { documents: [], next: 'more' }
  })
  const { page } = await open(t, { view: 'documents', says })
  await page.getByText('None on this page; there may be some on the next.').waitFor()
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByRole('link', { name: 'mine', exact: true }).waitFor()
})

test('what others feel is asked first, with keys alone', { timeout: TEST_MS }, async t => {
  const { served, page } = await open(t, { view: `documents/${encodeURIComponent(EVIL)}` })
  const dialog = page.getByRole('dialog')
  const restore = page.getByRole('button', { name: /^Restore before/ })
  await restore.focus()
  await page.keyboard.press('Enter')
  await dialog.waitFor()
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  assert.equal(served.asked('POST', path(EVIL)).length, 0)
  // Where somebody was before the question.
  assert.ok(await restore.evaluate(button => button === document.activeElement))
  await page.keyboard.press('Enter')
  await dialog.waitFor()
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await page.getByText('Restored before').waitFor()
  assert.equal(served.asked('POST', `${path(EVIL)}/versions/3/restore`).length, 1)

  await page.getByRole('button', { name: 'Disconnect session 0-3' }).click()
  await dialog.getByText('does not open the document again by itself').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Disconnect session 1-9' }).click()
  await dialog.getByText('comes back by itself').waitFor()
  await dialog.getByRole('button', { name: 'Disconnect' }).click()
  await dialog.waitFor({ state: 'detached' })
  assert.equal(served.asked('DELETE', `${path(EVIL)}/sessions/1-9`).length, 1)

  await page.getByLabel('Name of a version').fill('a milestone')
  await page.keyboard.press('Enter')
  await page.getByRole('rowheader', { name: 'a milestone' }).waitFor()
  assert.deepEqual(served.asked('POST', `${path(EVIL)}/versions`).at(-1).body, { name: 'a milestone' })
})

test('a comparison says who, how much and what stayed; a version is looked at, and focus comes back', { timeout: TEST_MS }, async t => {
  const { page } = await open(t, { view: `documents/${encodeURIComponent(EVIL)}` })
  const isFocused = locator => eventually(() => locator.evaluate(element => element === document.activeElement), true)
  const compare = page.getByRole('button', { name: /^Compare before/ })
  await compare.focus()
  await page.keyboard.press('Enter')
  const sheet = page.locator('.sheet')
  await isFocused(sheet.getByRole('heading', { name: /^What changed since before/ }))
  await sheet.getByText('Written by client 42: 12 characters or values, Anna (client 8): 1 character or value. 3 characters or values deleted.').waitFor()
  await expectText(() => sheet.locator('pre').first().textContent(), /^some  … 5,000 characters as before … old words/)
  await expectText(() => sheet.locator('.value', { hasText: '[2].title' }).textContent(), /Go there <img/)
  // Versions that have no name are told apart by their time.
  await expectText(() => sheet.getByRole('combobox').locator('option').nth(1).textContent(), /^version 2 \(.*\d\d.*\)$/)
  await sheet.getByRole('button', { name: 'Close' }).focus()
  await page.keyboard.press('Enter')
  await sheet.waitFor({ state: 'detached' })
  await isFocused(compare)
  const view = page.getByRole('button', { name: /^View before/ })
  await view.click()
  await sheet.getByText('then <img').waitFor()
  await sheet.getByRole('button', { name: 'Close' }).click()
  await isFocused(view)
})

test('a setting is changed as it was seen, or said why not', { timeout: TEST_MS }, async t => {
  const { served, person, page } = await open(t, { view: 'settings' })
  await page.getByRole('button', { name: 'Change connections_max' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('New value (connections)').fill('-1')
  await dialog.getByRole('button', { name: 'Change it now' }).click()
  await dialog.getByText('connections_max has to be 1 to 16777216').waitFor()
  await dialog.getByLabel('New value (connections)').fill('5')
  await page.keyboard.press('Enter')
  await page.getByText('connections_max has changed.').waitFor()
  const { body, headers } = served.asked('PATCH', '/v1/settings').at(-1)
  assert.deepEqual(body, { connections_max: '5' })
  assert.equal(headers['if-match'], '"4"')
  assert.equal(await page.getByRole('button', { name: 'Change shards' }).count(), 0)
  await page.getByLabel('Only those that can change now').uncheck()
  await page.getByText('needs a restart').waitFor()
  await page.getByRole('button', { name: 'Roll back the last change' }).click()
  await dialog.getByRole('button', { name: 'Roll back' }).click()
  await page.getByText('The last change was rolled back.').waitFor()
  forgive(person, 422)
})

test('the log of refusals is bounded, stands still when asked, and can be searched', { timeout: TEST_MS }, async t => {
  const { served, page } = await open(t, { view: 'refusals' })
  await page.getByText('Live', { exact: true }).waitFor()
  const rows = page.locator('tbody tr')
  const refuse = (reason, subject) => served.say('refused', { time: since, reason, subject, address: '10.0.0.1' })
  for (let number = 0; number < 600; number++) refuse('origin', `user ${number}`)
  await page.getByRole('cell', { name: 'user 599', exact: true }).waitFor()
  assert.equal(await rows.count(), 500)
  await page.getByRole('button', { name: 'Pause' }).click()
  refuse('token_expired', 'anna')
  await page.getByText('Paused, 1 new').waitFor()
  assert.equal(await page.getByRole('cell', { name: 'anna' }).count(), 0)
  await page.getByRole('button', { name: 'Go on' }).click()
  await page.getByLabel('Filter').fill('EXPIRED anna')
  await eventually(() => rows.count(), 1)
  await expectText(() => rows.first().textContent(), /Token expired.*anna/)
})

test('everything is reached with keys, and the content without going through the views', { timeout: TEST_MS }, async t => {
  const { page } = await open(t)
  await page.getByText('Live', { exact: true }).waitFor()
  await page.keyboard.press('Tab')
  assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), 'Skip to the content')
  await page.keyboard.press('Enter')
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main')
  await page.getByRole('link', { name: 'Selvedge' }).focus()
  const reached = []
  for (let presses = 0; presses < 10; presses++) {
    await page.keyboard.press('Tab')
    reached.push(await page.evaluate(() => document.activeElement.labels?.[0]?.innerText ?? document.activeElement.textContent))
  }
  for (const name of ['Overview', 'Alerts', 'Documents', 'Refusals', 'Settings', 'Playground']) {
    assert.ok(reached.some(text => text.startsWith(name)), `${name} in ${reached.join(', ')}`)
  }
})
