// The dashboard of the built server: what clients do is seen in it, and what is done in it clients feel.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import WebSocket from 'ws'
import { provider, saved, socket, urlOf } from '../clients/lib/hocuspocus.mjs'
import { binary, dataFolder, start } from '../clients/lib/server.mjs'
import { somebody } from './lib/browser.mjs'
import { eventually } from './lib/wait.mjs'

const TEST_MS = 180_000

/** A name that has to be encoded wherever it goes. */
const NAME = 'notes/a b%2F#?'

async function open (t, view, settings = {}) {
  const server = await start(t, { dataDir: dataFolder(t), shards: 2, ...settings })
  const person = await somebody(t)
  const page = await person.open(`${server.control}/#/${view}`)
  return { server, person, page }
}

/** A client that has written and is there. */
async function writer (t, server, name = NAME) {
  const made = provider(t, socket(t, urlOf(server)), name)
  made.awareness.setLocalState({ user: { name: 'Ada', color: '#30bced' } })
  made.document.getText('text').insert(0, 'the first words')
  await saved(made)
  return made
}

test('figures follow what clients do', { timeout: TEST_MS }, async t => {
  const { server, page } = await open(t, 'overview')
  const tile = name => page.locator('.tile', { has: page.locator('.tile-label').getByText(name, { exact: true }) }).locator('.tile-value')
  await page.getByText('Live', { exact: true }).waitFor()
  await eventually(() => tile('Connections').textContent(), '0')
  const client = await writer(t, server)
  await eventually(() => tile('Connections').textContent(), '1')
  await eventually(() => tile('Sessions').textContent(), '1')
  await eventually(() => tile('Documents in memory').textContent(), '1')
  const typing = setInterval(() => client.document.getText('text').insert(0, 'x'), 20)
  t.after(() => clearInterval(typing))
  await eventually(() => tile('Updates').textContent(), text => /^[1-9]/.test(text))
  // p99 of the acknowledgement is a time.
  const row = page.getByRole('region', { name: /^Acknowledgement/ }).getByRole('row', { name: /^p99/ })
  await eventually(() => row.getByRole('cell').first().textContent(), text => /^[\d.,]+ (?:µs|ms|s)$/.test(text))
  await eventually(() => page.getByRole('meter', { name: /^Core/ }).count(), 2)
  await eventually(() => page.getByRole('meter', { name: 'In use' }).count(), 1)
  await page.getByText('writes', { exact: true }).waitFor()
})

test('a document is found, with who is there and what it says, and a session can be sent away', { timeout: TEST_MS }, async t => {
  const { server, page } = await open(t, 'documents')
  const client = await writer(t, server)
  await writer(t, server, 'others')
  await page.getByLabel('Name starts with').fill('notes/')
  await page.getByRole('button', { name: 'Refresh' }).click()
  await page.getByRole('link', { name: NAME, exact: true }).click()
  await page.getByRole('heading', { level: 1, name: NAME }).waitFor()
  await page.locator('.presence', { hasText: 'Ada' }).waitFor()
  assert.equal(await page.locator('.presence .dot').first().evaluate(dot => getComputedStyle(dot).backgroundColor), 'rgb(48, 188, 237)')
  await page.getByRole('button', { name: 'Text', exact: true }).click()
  await page.locator('pre.content', { hasText: 'the first words' }).waitFor()
  await page.getByRole('button', { name: 'JSON', exact: true }).click()
  await page.locator('pre.content', { hasText: '"type": "text"' }).waitFor()
  // Who comes is seen without asking.
  const other = provider(t, socket(t, urlOf(server)), NAME)
  other.awareness.setLocalState({ user: { name: 'Grace' } })
  await page.locator('.presence', { hasText: 'Grace' }).waitFor()
  const sessions = page.getByRole('row').filter({ has: page.locator('.presence') })
  await eventually(() => sessions.count(), 2)
  const cells = sessions.filter({ hasText: 'Ada' }).getByRole('cell')
  await eventually(() => cells.nth(2).textContent(), '127.0.0.1')
  await eventually(() => cells.nth(6).textContent(), text => /^[1-9]\d* s$/.test(text))
  await sessions.filter({ hasText: 'Ada' }).getByRole('button', { name: /^Disconnect/ }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Disconnect' }).click()
  await eventually(() => client.told.closed.length, count => count > 0)
})

test('a version is saved, compared and restored, and clients receive what it was', { timeout: TEST_MS }, async t => {
  const { server, page } = await open(t, 'overview')
  const client = await writer(t, server)
  await page.goto(`${server.control}/#/documents/${encodeURIComponent(NAME)}`)
  await page.getByLabel('Name of a version').fill('the beginning')
  await page.getByRole('button', { name: 'Save version' }).click()
  await page.getByRole('rowheader', { name: 'the beginning' }).waitFor()
  client.document.getText('text').delete(4, 5)
  client.document.getText('text').insert(4, 'last')
  await saved(client)
  await page.getByRole('button', { name: 'Compare the beginning' }).click()
  await page.locator('ins', { hasText: 'la' }).first().waitFor()
  await page.locator('del', { hasText: 'fir' }).first().waitFor()
  await page.getByText(`Ada (client ${client.document.clientID}): 4 characters`).waitFor()
  await page.getByRole('button', { name: 'View the beginning' }).click()
  await page.locator('.sheet pre', { hasText: 'the first words' }).waitFor()
  await page.getByRole('button', { name: 'Compare the beginning' }).click()
  await page.getByRole('button', { name: 'Restore the beginning' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Restore' }).click()
  await eventually(() => client.document.getText('text').toString(), 'the first words')
  await page.getByText(/^Restored the beginning/).waitFor()
  await page.getByText('The content is the same.').waitFor()
  // And the way back.
  await page.getByRole('rowheader', { name: 'before restoring' }).waitFor()
})

test('what is shown of now follows what is written', { timeout: TEST_MS }, async t => {
  const { server, page } = await open(t, 'overview')
  const client = await writer(t, server)
  await page.goto(`${server.control}/#/documents/${encodeURIComponent(NAME)}`)
  await page.getByLabel('Name of a version').fill('the beginning')
  await page.getByRole('button', { name: 'Save version' }).click()
  await page.getByRole('button', { name: 'Text', exact: true }).click()
  await page.getByRole('button', { name: 'Compare the beginning' }).click()
  await page.getByText('The content is the same.').waitFor()
  client.document.getText('text').insert(0, 'and more than ')
  await page.getByLabel('Content as text').filter({ hasText: 'and more than the first words' }).waitFor()
  await page.locator('ins', { hasText: 'and more than' }).waitFor()
})

test('a setting is changed while the server runs, and back', { timeout: TEST_MS }, async t => {
  const { server, page } = await open(t, 'settings', { connectionsMax: 1_000 })
  const inForce = async () => {
    const { settings } = await (await fetch(`${server.control}/v1/settings`)).json()
    return settings.find(({ name }) => name === 'connections_max').value
  }
  await page.getByLabel('Filter').fill('connections_max')
  await page.getByRole('button', { name: 'Change connections_max' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel(/^New value/).fill('1234')
  await dialog.getByRole('button', { name: 'Change it now' }).click()
  await page.getByRole('cell', { name: /^1,?234/ }).waitFor()
  assert.equal(await inForce(), 1_234)
  await page.getByRole('button', { name: 'Roll back the last change' }).click()
  await dialog.getByRole('button', { name: 'Roll back' }).click()
  await page.getByText('The last change was rolled back.').waitFor()
  assert.equal(await inForce(), 1_000)
})

test('where tokens are asked for, one opens the dashboard, and who is refused is seen', { timeout: TEST_MS }, async t => {
  const folder = dataFolder(t)
  const secret = join(folder, 'secret')
  writeFileSync(secret, '0123456789abcdef0123456789abcdef', { mode: 0o600 })
  const { server, person, page } = await open(t, 'refusals', { authSecretFile: secret })
  const made = (...claims) => execFileSync(binary, ['token', '--auth-secret-file', secret, '--ttl', '1h', ...claims], { encoding: 'utf8' }).trim()
  const token = made('--sub', 'operator', '--admin')
  await page.getByLabel('Token with the admin claim').fill(token)
  await page.getByRole('button', { name: 'Use this token' }).click()
  await page.getByText('Live', { exact: true }).waitFor()
  const refused = new WebSocket(`${server.url}/notes?token=nonsense`)
  t.after(() => refused.terminate())
  refused.on('error', () => {})
  await page.getByRole('cell', { name: '127.0.0.1' }).first().waitFor()
  // And whose the session of one who was let in is.
  const client = provider(t, socket(t, urlOf(server)), NAME, { token: made('--sub', 'ada', '--document', '*=write') })
  client.document.getText('text').insert(0, 'the first words')
  await saved(client)
  await page.goto(`${server.control}/#/documents/${encodeURIComponent(NAME)}`)
  await page.getByRole('cell', { name: 'ada', exact: true }).waitFor()
  // What a browser writes of the answer that asked for the token.
  person.troubles.splice(0, Infinity, ...person.troubles.filter(text => !text.includes('status of 401')))
})
