// The mark at the top of the playground says "saved" of what is on disk, and of nothing else; and what it is when it is not that.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { randomFrom, seedOf } from '../clients/lib/random.mjs'
import { binary, dataFolder, start } from '../clients/lib/server.mjs'
import { somebody } from './lib/browser.mjs'
import { playground } from './lib/playground.mjs'
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

test('a token that does not do is refused with the reason, and another one is asked for', { timeout: TEST_MS }, async t => {
  const folder = dataFolder(t)
  const secret = join(folder, 'secret')
  writeFileSync(secret, randomBytes(32).toString('hex') + '\n')
  const server = await start(t, { dataDir: join(folder, 'data'), shards: 2, authSecretFile: secret })
  const token = documents => execFileSync(binary, ['token', '--auth-secret-file', secret, '--sub', 'user-1', '--document', documents, '--ttl', '1h']).toString().trim()
  const tab = await playground(await somebody(t), server, 'notes')
  await tab.stands('refused')
  const connect = async text => {
    await tab.page.getByLabel('Token for this document').fill(text)
    await tab.page.getByRole('button', { name: 'Connect' }).click()
  }
  await eventually(() => tab.mark.textContent(), said => /asks for a token/.test(said))
  // What is typed without one is kept.
  await tab.type('early ')
  await connect('no token')
  await eventually(() => tab.mark.textContent(), said => /Refused.*token/.test(said) && !/asks for/.test(said))
  await connect(token('elsewhere/*=write'))
  await eventually(() => tab.mark.textContent(), said => /does not allow/.test(said))
  await connect(token('notes=write'))
  await tab.stands('saved')
  await tab.type('and late')
  await tab.stands('saved')
  // It is kept for this tab.
  await tab.page.reload()
  await tab.stands('saved')
  await tab.shows('early and late')
  await tab.page.evaluate(text => sessionStorage.setItem('selvedge-token', text), token('*=read'))
  await tab.page.reload()
  await tab.stands('readonly')
  await tab.shows('early and late')
  await tab.editor.focus()
  await tab.page.keyboard.type('!')
  assert.equal(await tab.text(), 'early and late')
  assert.equal(await tab.page.getByLabel('New item').isDisabled(), true)
})
