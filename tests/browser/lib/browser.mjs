// Opens pages of a server in headless Chromium, and notes whatever goes wrong in them. Knows nothing of what the pages show.
import assert from 'node:assert/strict'
import { after } from 'node:test'
import { AxeBuilder } from '@axe-core/playwright'
import { chromium } from 'playwright-core'
import { isOver } from '../../clients/lib/server.mjs'

const executablePath = process.env.SELVEDGE_TEST_CHROMIUM ?? '/usr/bin/chromium'

/** How long anything on a page may take; machines are slow when much else runs. */
export const WAIT_MS = Number(process.env.SELVEDGE_TEST_WAIT_MS ?? 30_000)

let launched

/** One browser for all tests of a file. */
function browser () {
  launched ??= chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })
  return launched
}
after(async () => (await launched)?.close())

/** What a browser says of itself where a server has gone away on purpose. */
const outage = /net::ERR_(CONNECTION_|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED|NETWORK_)|WebSocket connection to .* failed/

/** And of a stream of events that was open when its server ended, as servers do at the end of each test. */
const streamEnd = /net::ERR_INCOMPLETE_CHUNKED_ENCODING/

/**
 * Somebody with a browser of their own: `open` gives tabs that share its storage. When the test ends it fails if any page wrote an error to
 * its console, threw, broke its content security policy, or asked another host for anything. `outages`: the server goes away on purpose.
 */
export async function somebody (t, { outages = false, ...options } = {}) {
  const context = await (await browser()).newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', ...options })
  context.setDefaultTimeout(WAIT_MS)
  const troubles = []
  const hosts = new Set()
  const note = text => { if (!streamEnd.test(text) && !((outages || isOver(t)) && outage.test(text))) troubles.push(text) }
  await context.exposeFunction('violated', note)
  await context.addInitScript(() => document.addEventListener('securitypolicyviolation', event =>
    window.violated(`policy: ${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`)))
  context.on('request', request => hosts.add(new URL(request.url()).hostname))
  t.after(async () => {
    await context.close()
    assert.deepEqual(troubles, [], 'what went wrong in the pages')
    hosts.delete('')
    assert.deepEqual([...hosts].filter(host => host !== '127.0.0.1'), [], 'other hosts that were asked')
  })
  return {
    context,
    troubles,
    async open (url) {
      const page = await context.newPage()
      page.on('console', message => { if (message.type() === 'error' || message.type() === 'warning') note(`${message.type()}: ${message.text()} (${message.location().url})`) })
      page.on('pageerror', error => note(`threw: ${error.stack ?? error}`))
      page.on('websocket', socket => hosts.add(new URL(socket.url()).hostname))
      await page.goto(url)
      return page
    }
  }
}

/** Fails where axe finds anything serious or critical, with what and where; `isStrict`: or anything at all. */
export async function accessible (page, what, { isStrict = false } = {}) {
  const { violations } = await new AxeBuilder({ page }).analyze()
  const grave = violations.filter(({ impact }) => isStrict || impact === 'serious' || impact === 'critical')
  const said = grave.map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.map(node => `    ${node.target.join(' ')}  ${node.failureSummary}`).join('\n')}`)
  assert.equal(said.join('\n'), '', what)
}

/** The bytes that came over the wire, heads and compressed bodies, until the network was quiet. */
export async function firstLoadBytes (somebody, url) {
  const sizes = []
  const add = request => sizes.push(request.sizes().then(({ responseHeadersSize, responseBodySize }) => responseHeadersSize + responseBodySize))
  somebody.context.on('requestfinished', add)
  const page = await somebody.open(url)
  await page.waitForLoadState('load')
  await page.locator('h1').first().waitFor()
  somebody.context.off('requestfinished', add)
  const all = await Promise.all(sizes)
  assert.ok(all.length > 0, 'something was loaded')
  return { bytes: all.reduce((sum, size) => sum + size, 0), requests: all.length }
}

/** Nothing on the page is wider than the window. */
export async function fits (page) {
  const { wide, window } = await page.evaluate(() => ({ wide: document.documentElement.scrollWidth, window: document.documentElement.clientWidth }))
  assert.ok(wide <= window, `${wide} pixels in a window of ${window}`)
}
