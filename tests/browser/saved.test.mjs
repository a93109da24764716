// The mark at the top of the playground says "saved" of what is on disk, and of nothing else; and what it is when it is not that.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { randomFrom, seedOf } from '../clients/lib/random.mjs'
import { binary, dataFolder, start } from '../clients/lib/server.mjs'
import { accessible, fits, somebody } from './lib/browser.mjs'
import { playground, Tab } from './lib/playground.mjs'
import { eventually } from './lib/wait.mjs'

const TEST_MS = 180_000

/** Where it listened before, so that pages find it again. */
const same = server => ({ listen: `127.0.0.1:${server.port}`, controlListen: new URL(server.control).host })

/** From now on the page keeps all that the mark has said, and the text that was there when it said "saved". */
const watch = tab => tab.page.evaluate(() => {
  window.marks = []
  const mark = document.querySelector('[data-standing]')
  const lines = () => [...document.querySelector('.editor').shadowRoot.querySelectorAll('.cm-line')]
  const text = () => lines().map(line => [...line.childNodes].filter(node => !node.classList?.contains('peer-caret')).map(node => node.textContent).join('')).join('\n')
  new MutationObserver(() => window.marks.push({ kind: mark.dataset.standing, text: text() })).observe(mark, { attributes: true, attributeFilter: ['data-standing'] })
})
const marks = tab => tab.page.evaluate(() => window.marks)

test('nothing is called saved while the server stands still, and all is when it goes on', { timeout: TEST_MS }, async t => {
  const server = await start(t, { dataDir: dataFolder(t), shards: 2 })
  const tab = await playground(await somebody(t), server)
  await tab.stands('saved')
  process.kill(server.pid, 'SIGSTOP')
  await watch(tab)
  await tab.type('not yet')
  await tab.addTask('nor this')
  await tab.stands('saving')
  await eventually(() => tab.mark.textContent(), said => /Saving 8 changes/.test(said))
  assert.deepEqual((await marks(tab)).filter(({ kind }) => kind === 'saved'), [])
  process.kill(server.pid, 'SIGCONT')
  await tab.stands('saved')
  assert.equal((await marks(tab)).at(-1).text, 'not yet')
})

/** From now on the page keeps whatever a screen reader is told of the mark, and what the mark shows in that moment. */
const listen = tab => tab.page.evaluate(() => {
  window.told = []
  const mark = document.querySelector('[data-standing]')
  const status = mark.querySelector('[role=status]')
  new MutationObserver(() => window.told.push({ kind: mark.dataset.standing, text: status.textContent }))
    .observe(mark, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ['data-standing'] })
})
const told = tab => tab.page.evaluate(() => window.told)

test('who listens is told what is so, once, and not of each key', { timeout: TEST_MS }, async t => {
  const server = await start(t, { dataDir: dataFolder(t), shards: 2 })
  const tab = await playground(await somebody(t), server)
  const status = tab.mark.getByRole('status')
  await eventually(() => status.textContent(), 'Saved on disk.')
  await listen(tab)
  // Each word is saved, and nobody says so again.
  for (const word of ['some ', 'words ']) {
    await tab.type(word)
    await tab.page.waitForFunction(() => window.told.at(-1)?.kind === 'saved')
  }
  process.kill(server.pid, 'SIGSTOP')
  await tab.type('not yet')
  await eventually(() => status.textContent(), 'Still saving.')
  await tab.type('!')
  process.kill(server.pid, 'SIGCONT')
  await eventually(() => status.textContent(), 'Saved on disk.')
  await tab.stands('saved')
  await tab.online(false)
  await eventually(() => status.textContent(), 'Offline: What you do now stays here until you are back.')
  await tab.type('kept here')
  await eventually(() => status.textContent(), 'Offline: changes wait here.')
  await tab.online(true)
  await eventually(() => status.textContent(), 'Saved on disk.')
  const all = await told(tab)
  assert.deepEqual(all.filter(({ kind, text }) => text.startsWith('Saved') && kind !== 'saved'), [], 'what was called saved and was not')
  // It is spoken when it comes; the first one stood there.
  const words = ['', 'Saved on disk.', ...all.map(({ text }) => text)]
  const spoken = words.filter((text, at) => text !== '' && text !== words[at - 1])
  assert.deepEqual(spoken.filter((text, at) => text === spoken[at - 1]), [], `what was said again of ${JSON.stringify(spoken)}`)
})

test('what was marked saved is there after kill -9 in that moment', { timeout: TEST_MS }, async t => {
  const random = randomFrom(seedOf(t))
  const dataDir = dataFolder(t)
  let server = await start(t, { dataDir, shards: 2 })
  const person = await somebody(t, { outages: true })
  let kill
  await person.context.exposeFunction('killNow', () => kill())
  for (let round = 0; round < 3; round++) {
    const tab = await playground(person, server)
    await tab.stands('saved')
    await watch(tab)
    let isDead = false
    kill = async () => { await server.kill(); isDead = true }
    // The first two rounds at the first sight of it, the last one somewhere in the middle of typing.
    if (round < 2) {
      await tab.page.evaluate(() => new MutationObserver((_, observer) => {
        const last = window.marks.at(-1)
        if (last?.kind === 'saved') { observer.disconnect(); window.killNow() }
      }).observe(document.querySelector('[data-standing]'), { attributes: true, attributeFilter: ['data-standing'] }))
    }
    const words = Array.from({ length: 1 + random.below(4) }, () => `${round}-${random.below(1_000_000)} `)
    await tab.type(words.join(''))
    if (round === 2) {
      await tab.stands('saved')
      await Promise.all([tab.type('x'.repeat(50)), new Promise(resolve => setTimeout(resolve, random.below(300))).then(() => kill())])
    }
    await eventually(() => isDead, true)
    await tab.stands('stopped', 'connecting')
    const saved = (await marks(tab)).filter(({ kind }) => kind === 'saved')
    assert.ok(saved.length > 0, 'it was saved once')
    // This one must not bring back what the server has lost.
    await tab.page.close()
    server = await start(t, { dataDir, shards: 2, ...same(server) })
    const witness = await playground(person, server)
    await witness.stands('saved')
    const kept = await witness.text()
    for (const { text } of saved) assert.ok(kept.startsWith(text), `${JSON.stringify(text)} was saved, and this is there: ${JSON.stringify(kept)}`)
    await witness.page.close()
  }
})

test('a restart in between: both pages say so, keep what is typed meanwhile, and go on by themselves', { timeout: TEST_MS }, async t => {
  const dataDir = dataFolder(t)
  const before = await start(t, { dataDir, shards: 2 })
  const person = await somebody(t, { outages: true })
  const [a, b] = [await playground(person, before), await playground(person, before)]
  await a.type('before ')
  await b.shows('before ')
  await a.stands('saved')
  await before.kill()
  for (const tab of [a, b]) await tab.stands('stopped')
  await a.type('meanwhile a ')
  await b.addTask('meanwhile b')
  assert.match(await a.mark.textContent(), /does not answer.*12 changes wait here/)
  const after = await start(t, { dataDir, shards: 2, ...same(before) })
  for (const tab of [a, b]) {
    await tab.stands('saved')
    await tab.shows('before meanwhile a ')
    await eventually(() => tab.taskTexts(), ['meanwhile b'])
  }
  // An orderly end is another word.
  await after.stop()
  for (const tab of [a, b]) await eventually(() => tab.mark.textContent(), said => /was stopped|does not answer/.test(said))
})

/** A server that asks for tokens, and who makes them. */
async function guarded (t) {
  const folder = dataFolder(t)
  const secret = join(folder, 'secret')
  writeFileSync(secret, randomBytes(32).toString('hex') + '\n')
  const server = await start(t, { dataDir: join(folder, 'data'), shards: 2, authSecretFile: secret })
  const make = (...flags) => execFileSync(binary, ['token', '--auth-secret-file', secret, '--sub', 'user-1', ...flags]).toString().trim()
  return { server, secret, token: documents => make('--document', documents), adminToken: () => make('--admin') }
}

async function connect (page, token) {
  await page.getByLabel('Token for this document').fill(token)
  await page.getByRole('button', { name: 'Connect' }).click()
}

test('a token that does not do is refused with the reason, and another one is asked for', { timeout: TEST_MS }, async t => {
  const { server, token } = await guarded(t)
  const tab = await playground(await somebody(t), server, 'notes')
  await tab.stands('refused')
  await eventually(() => tab.mark.textContent(), said => /asks for a token/.test(said))
  // What is typed without one is kept.
  await tab.type('early ')
  await connect(tab.page, 'no token')
  await eventually(() => tab.mark.textContent(), said => /Refused.*token/.test(said) && !/asks for/.test(said))
  // The field is still there, with the focus where it was.
  assert.equal(await tab.page.evaluate(() => document.activeElement.textContent), 'Connect')
  await connect(tab.page, token('elsewhere/*=write'))
  await eventually(() => tab.mark.textContent(), said => /does not allow/.test(said))
  await connect(tab.page, token('notes=write'))
  await tab.stands('saved')
  await eventually(() => tab.page.evaluate(() => document.activeElement.tagName), 'MAIN')
  await tab.type('and late')
  await tab.stands('saved')
  // It is kept for this tab.
  await tab.page.reload()
  await tab.stands('saved')
  await tab.shows('early and late')
  await tab.page.evaluate(text => sessionStorage.setItem('selvedge-playground-token', text), token('*=read'))
  await tab.page.reload()
  await tab.stands('readonly')
  await tab.shows('early and late')
  await tab.editor.focus()
  await tab.page.keyboard.type('!')
  assert.equal(await tab.text(), 'early and late')
  assert.equal(await tab.page.getByLabel('New item').isDisabled(), true)
})

test('dashboard and playground have a token each, and the one is not taken for the other', { timeout: TEST_MS }, async t => {
  const { server, secret, adminToken } = await guarded(t)
  const person = await somebody(t)
  const page = await person.open(`${server.control}/`)
  const openDashboard = async () => {
    await page.goto(`${server.control}/`)
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
  }
  await page.getByLabel('Token with the admin claim').fill(adminToken())
  await page.getByRole('button', { name: 'Use this token' }).click()
  await page.getByRole('heading', { name: 'Overview' }).waitFor()

  const tab = new Tab(page)
  await page.goto(`${server.control}/play?document=notes`)
  await tab.stands('refused')
  await page.getByText('a token for the dashboard only').waitFor()
  await connect(page, adminToken())
  await page.getByText('it opens the dashboard, and nothing here').waitFor()
  await tab.stands('refused')
  await accessible(page, 'the playground that asks for a token')
  await page.setViewportSize({ width: 375, height: 740 })
  await fits(page)
  // What the page says makes one is done.
  const [program, ...words] = (await page.locator('.refusal pre').textContent()).replaceAll("'", '').split(' ')
  assert.equal(program, 'selvedge')
  const made = execFileSync(binary, words.map(word => word === 'secret' ? secret : word)).toString().trim()
  await connect(page, made)
  await tab.stands('saved')
  await openDashboard()
  await page.goto(`${server.control}/play?document=notes`)
  await tab.stands('saved')
  // What a browser writes of the answer that asked for the dashboard's token.
  person.troubles.splice(0, Infinity, ...person.troubles.filter(text => !text.includes('status of 401')))
})

test('a tab that was opened from another has its token, and another name and colour', { timeout: TEST_MS }, async t => {
  const { server, token } = await guarded(t)
  const person = await somebody(t)
  const first = await playground(person, server, 'notes')
  await first.stands('refused')
  await connect(first.page, token('notes=write'))
  await first.stands('saved')
  const openAnother = async tab => {
    const [page] = await Promise.all([person.context.waitForEvent('page'), tab.page.getByRole('link', { name: 'Open in a second tab' }).click()])
    return new Tab(page)
  }
  const who = tab => tab.page.evaluate(() => [document.querySelector('.myself .name').textContent, document.querySelector('.myself .avatar').style.background])
  const seen = (tab, count) => eventually(() => tab.page.locator('.people li .name').allTextContents(), names => new Set(names).size === count)
  await first.page.locator('.myself summary').click()
  await first.page.getByLabel('Your name').fill('Ada')
  await first.page.getByLabel('Your name').press('Enter')
  const second = await openAnother(first)
  await second.stands('saved')
  const third = await openAnother(second)
  await third.stands('saved')
  for (const tab of [first, second, third]) assert.ok((await seen(tab, 2)).every(name => name.startsWith('Ada')))
  const people = await Promise.all([first, second, third].map(who))
  assert.deepEqual(people.map(([name]) => name), ['Ada', 'Ada 2', 'Ada 3'])
  assert.equal(new Set(people.map(([, color]) => color)).size, 3)
  // Each stays who it is.
  for (const [index, tab] of [first, second, third].entries()) {
    await tab.page.reload()
    await tab.stands('saved')
    await seen(tab, 2)
    assert.deepEqual(await who(tab), people[index])
  }
})

test('who is sent away says why and comes back; a document that is deleted stays so', { timeout: TEST_MS }, async t => {
  const server = await start(t, { dataDir: dataFolder(t), shards: 2 })
  const tab = await playground(await somebody(t), server, 'notes')
  await tab.type('kept ')
  await tab.stands('saved')
  const document = `${server.control}/v1/documents/notes`
  const { sessions: [session] } = await (await fetch(`${document}/sessions`)).json()
  assert.ok((await fetch(`${document}/sessions/${session.id}`, { method: 'DELETE' })).ok)
  await eventually(() => tab.mark.textContent(), said => /disconnected by an administrator.*trying again/.test(said))
  await tab.type('and more')
  await tab.stands('saved')
  assert.equal(await (await fetch(`${document}/content?root=text`, { headers: { accept: 'text/plain' } })).text(), 'kept and more')

  assert.ok((await fetch(document, { method: 'DELETE' })).ok)
  await tab.stands('refused')
  assert.match(await tab.mark.textContent(), /the document is deleted/)
  await tab.type('!')
  await tab.stands('refused')
  assert.equal((await fetch(document)).status, 404)
  await tab.page.getByRole('button', { name: 'Try again' }).click()
  await tab.stands('saved')
  assert.equal((await fetch(document)).status, 200)
})

test('a server that tells everything and acknowledges nothing is not waited for without a word', { timeout: TEST_MS }, async t => {
  const server = await start(t, { dataDir: dataFolder(t), shards: 2 })
  const person = await somebody(t)
  const first = await playground(person, server)
  await first.type('there')
  await first.stands('saved')
  let isHeld = true
  await person.context.routeWebSocket(/hocuspocus/, client => {
    const behind = client.connectToServer()
    const held = []
    behind.onMessage(message => {
      held.push(message)
      // SyncStatus, behind the name.
      const waits = isHeld ? held.filter(one => one[1 + one[0]] === 8) : []
      for (const one of held.filter(one => !waits.includes(one))) client.send(one)
      held.splice(0, Infinity, ...waits)
    })
  })
  const late = await playground(person, server)
  await late.shows('there')
  await late.stands('stalled')
  assert.match(await late.mark.textContent(), /Connected.*The server cannot save now/)
  isHeld = false
  await late.type('!')
  await late.stands('saved')
  await first.shows('there!')
})

test('a full disk: who comes then sees the text, and is told that nothing can be saved', { timeout: TEST_MS }, async t => {
  const mount = mkdtempSync(join(tmpdir(), 'selvedge-full-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64M', 'tmpfs', mount], { stdio: 'pipe' })
  } catch (error) {
    rmSync(mount, { recursive: true })
    const why = `NOT TESTED: a full disk needs root to mount one (${String(error.message).trim()})`
    console.error(why)
    return t.skip(why)
  }
  t.after(() => {
    execFileSync('umount', ['-l', mount])
    rmSync(mount, { recursive: true })
  })
  const server = await start(t, { dataDir: join(mount, 'data'), shards: 2 })
  const person = await somebody(t)
  const first = await playground(person, server)
  await first.type('before ')
  await first.stands('saved')
  const ballast = join(mount, 'ballast')
  spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=4k'], { stdio: 'ignore' })
  assert.equal(statfsSync(mount).bavail, 0)
  for (let n = 0; n < 100 && await first.standing() !== 'stalled'; n++) {
    await first.editor.focus()
    await first.page.keyboard.insertText('x'.repeat(8_000))
  }
  await first.stands('stalled')
  const late = await playground(person, server)
  await late.shows(/^before /)
  await late.stands('stalled')
  assert.match(await late.mark.textContent(), /Connected.*The server cannot save now/)
  await late.type('late ')
  await eventually(() => late.mark.textContent(), said => /Not saved.*5 changes wait here/.test(said))
  rmSync(ballast)
  for (const tab of [first, late]) await tab.stands('saved')
  // Wherever it has come to stand: what the first tab did meanwhile is new to the server as well.
  const stored = await (await fetch(`${server.control}/v1/documents/playground/content?root=text`, { headers: { accept: 'text/plain' } })).text()
  assert.ok(stored.includes('late '), `${stored.length} characters without it`)
})
