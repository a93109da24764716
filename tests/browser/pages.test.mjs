// What holds for every page: usable by everybody, light to load, narrow where the window is.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dataFolder, start } from '../clients/lib/server.mjs'
import { accessible, firstLoadBytes, fits, somebody } from './lib/browser.mjs'
import { playground } from './lib/playground.mjs'

const TEST_MS = 180_000
const FIRST_LOAD_BYTES_MAX = 300 * 1024

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing grave in the dashboard, ${colorScheme}`, { timeout: TEST_MS }, async t => {
    const server = await start(t, { dataDir: dataFolder(t), shards: 2 })
    const page = await (await somebody(t, { colorScheme })).open(`${server.control}/`)
    await page.locator('h1').first().waitFor()
    await accessible(page, 'the dashboard')
  })

  test(`axe finds nothing grave in the playground, ${colorScheme}`, { timeout: TEST_MS }, async t => {
    const server = await start(t, { dataDir: dataFolder(t), shards: 2 })
    const person = await somebody(t, { colorScheme })
    const [tab, other] = [await playground(person, server), await playground(person, server)]
    await accessible(tab.page, 'the playground, empty')
    await tab.type('Some text')
    await other.type(', and more')
    await tab.addTask('open')
    await tab.addTask('done')
    await tab.page.getByLabel('Done: done').check()
    await tab.draw([0.2, 0.2], [0.8, 0.8])
    await tab.editor.locator('.peer-caret').waitFor()
    await tab.page.locator('.myself summary').click()
    await tab.stands('saved')
    await accessible(tab.page, 'the playground at work')
    await tab.page.getByRole('button', { name: 'Clear…' }).click()
    await accessible(tab.page, 'the question')
    await tab.page.keyboard.press('Escape')
    await tab.online(false)
    await tab.stands('offline')
    await accessible(tab.page, 'the playground offline')
  })
}

test('every control of the playground is reached and used with keys alone', { timeout: TEST_MS }, async t => {
  const server = await start(t, { dataDir: dataFolder(t), shards: 2 })
  const { page } = await playground(await somebody(t), server)
  const reached = []
  for (let n = 0; n < 40 && reached.at(-1) !== 'body'; n++) {
    await page.keyboard.press('Tab')
    reached.push(await page.evaluate(() => {
      let at = document.activeElement
      while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement
      return at === document.body ? 'body' : at.getAttribute('aria-label') ?? at.labels?.[0]?.textContent ?? at.textContent
    }))
  }
  // In and out again: the editor keeps nobody.
  const names = reached.map(name => name.trim())
  for (const name of ['Dashboard', 'Go offline', 'Copy link', 'Open in a second tab', 'Shared text', 'New item', 'Drawing board, 0 strokes']) {
    assert.ok(names.includes(name), `${name} in ${names.join(', ')}`)
  }
  assert.ok(names.indexOf('New item') > names.indexOf('Shared text'))
})

for (const path of ['/', '/play']) {
  test(`the first load of ${path} is small`, { timeout: TEST_MS }, async t => {
    const server = await start(t, { dataDir: dataFolder(t), shards: 2 })
    const { bytes, requests } = await firstLoadBytes(await somebody(t), server.control + path)
    t.diagnostic(`${path}: ${bytes} bytes in ${requests} requests`)
    assert.ok(bytes < FIRST_LOAD_BYTES_MAX, `${path}: ${bytes} bytes`)
    assert.ok(requests >= 3, 'page, script and style were counted')
  })
}

test('what cannot be the name of a document is said to be none', { timeout: TEST_MS }, async t => {
  const server = await start(t, { dataDir: dataFolder(t), shards: 2 })
  const person = await somebody(t)
  for (const name of ['', '.', '..', '%00', 'x'.repeat(257)]) {
    const page = await person.open(`${server.control}/play?document=${name}`)
    await page.getByRole('heading', { name: 'No such document' }).waitFor()
    await accessible(page, `"${name}"`, { isStrict: true })
    await page.close()
  }
})

test('a document whose name nobody would see has one on the page', { timeout: TEST_MS }, async t => {
  const server = await start(t, { dataDir: dataFolder(t), shards: 2 })
  const tab = await playground(await somebody(t), server, '\u3164')
  await tab.stands('saved')
  await tab.page.locator('.document-name').getByText('\ufffd U+3164').waitFor()
  assert.match(await tab.page.title(), /^\ufffd U\+3164 · /)
  // Items that are emptied have a number.
  await tab.addTask('wool')
  await tab.page.getByLabel('Item 1', { exact: true }).fill('')
  await tab.page.getByRole('button', { name: 'Delete item 1', exact: true }).waitFor()
  await accessible(tab.page, 'the page')
})

const narrow = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true }

test('a narrow window shows all of the playground', { timeout: TEST_MS }, async t => {
  const server = await start(t, { dataDir: dataFolder(t), shards: 2 })
  const tab = await playground(await somebody(t, narrow), server, 'a-name-without-a-place-to-break'.repeat(8))
  await tab.type(`long ${'w'.repeat(300)}`)
  await tab.addTask('t'.repeat(200))
  await tab.stands('saved')
  await fits(tab.page)
  await tab.online(false)
  await tab.stands('offline')
  await fits(tab.page)
  // As wide as a page of 1280 pixels is at four times its size (WCAG 1.4.10).
  await tab.page.setViewportSize({ width: 320, height: 640 })
  await fits(tab.page)
})

test('a narrow window shows all of the dashboard', { timeout: TEST_MS }, async t => {
  const server = await start(t, { dataDir: dataFolder(t), shards: 2 })
  const page = await (await somebody(t, narrow)).open(`${server.control}/`)
  await page.locator('h1').first().waitFor()
  await fits(page)
})
