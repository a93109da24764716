// Two tabs of one browser in one document: what one does the other shows, and what both did apart comes together.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dataFolder, start } from '../clients/lib/server.mjs'
import { somebody } from './lib/browser.mjs'
import { playground } from './lib/playground.mjs'
import { eventually } from './lib/wait.mjs'

const TEST_MS = 180_000

/** Two tabs that are connected, and have seen each other. */
async function pair (t, options) {
  const server = await start(t, { dataDir: dataFolder(t), shards: 2 })
  const person = await somebody(t, options)
  const a = await playground(person, server)
  await a.stands('saved')
  const b = await playground(person, server)
  await b.stands('saved')
  for (const tab of [a, b]) await tab.page.getByRole('list', { name: 'Who else is here' }).locator('.person').waitFor()
  return { server, person, a, b }
}

test('two who type at the same time read the same, and see each other where they are', { timeout: TEST_MS }, async t => {
  const { a, b } = await pair(t)
  await a.type('Warp: ')
  await b.shows('Warp: ')
  await Promise.all([a.type('threads along the loom. '), b.type('And the weft across. ')])
  await eventually(async () => {
    const [one, other] = [await a.text(), await b.text()]
    return one === other && one.length === 'Warp: threads along the loom. And the weft across. '.length
  }, true)
  // Nothing of it is lost, in whatever order it came to stand.
  assert.deepEqual([...await a.text()].sort(), [...'Warp: threads along the loom. And the weft across. '].sort())
  for (const tab of [a, b]) {
    await tab.stands('saved')
    const [name] = await eventually(() => tab.editor.locator('.peer-caret .peer-name').allTextContents(), names => names.length === 1)
    const [listed] = await tab.page.locator('.people li .name').allTextContents()
    assert.equal(name, listed)
  }
  // Tabs of one browser share a name, and still are told apart.
  const names = await Promise.all([a, b].map(tab => tab.page.locator('.myself .name').textContent()))
  const colors = await Promise.all([a, b].map(tab => tab.page.locator('.myself .avatar').evaluate(dot => dot.style.background)))
  assert.notEqual(names[0], names[1])
  assert.notEqual(colors[0], colors[1])
  // A selection is seen, in the colour of who made it.
  await b.editor.focus()
  await b.page.keyboard.press('ControlOrMeta+a')
  const selected = await eventually(() => a.editor.locator('.peer-selection').evaluateAll(parts => parts.map(part => part.style.getPropertyValue('--who'))), parts => parts.length > 0)
  assert.match(selected[0], /^#[0-9a-f]{6}$/)
  await a.page.getByText('in the text').waitFor()
})

test('a name and a colour can be chosen, are seen by others, and are kept', { timeout: TEST_MS }, async t => {
  const { a, b, person, server } = await pair(t)
  await a.page.locator('.myself summary').click()
  await a.page.getByLabel('Your name').fill('Ada')
  await a.page.getByLabel('Your name').press('Tab')
  await a.page.locator('.panel').getByLabel('Violet').check()
  const others = b.page.getByRole('list', { name: 'Who else is here' })
  await others.getByText('Ada', { exact: true }).waitFor()
  await eventually(() => others.locator('.avatar').evaluate(dot => dot.style.background), 'rgb(106, 63, 192)')
  await b.page.close()
  await a.page.getByText('Nobody else is here').waitFor()
  await a.page.reload()
  await a.page.locator('.myself .name').getByText('Ada', { exact: true }).waitFor()
  const next = await playground(person, server)
  await next.page.locator('.myself .name').getByText('Ada').waitFor()
})

test('the list: added, ticked, edited by both at once, moved with keys and pointer, deleted', { timeout: TEST_MS }, async t => {
  const { a, b } = await pair(t)
  for (const text of ['wool', 'silk', 'flax']) await a.addTask(text)
  await eventually(() => b.taskTexts(), ['wool', 'silk', 'flax'])
  await b.page.getByLabel('Done: silk').check()
  await a.tasks.nth(1).locator('[type=checkbox]:checked').waitFor()
  await a.page.getByText('2 of 3 left').waitFor()

  const field = tab => tab.tasks.first().getByLabel('Item')
  // A page that is busy may take the focus after the key.
  const putCaret = async (tab, key, at) => {
    await field(tab).focus()
    await eventually(async () => {
      await tab.page.keyboard.press(key)
      return field(tab).evaluate(input => input.selectionStart)
    }, at)
  }
  await putCaret(a, 'Home', 0)
  await putCaret(b, 'End', 'wool'.length)
  await Promise.all([a.page.keyboard.type('red '), b.page.keyboard.type(', dyed')])
  for (const tab of [a, b]) await eventually(async () => (await tab.taskTexts())[0], 'red wool, dyed')

  const handle = a.page.getByLabel('Move flax')
  await handle.focus()
  await a.page.keyboard.press('ArrowUp')
  await eventually(() => b.taskTexts(), ['red wool, dyed', 'flax', 'silk'])
  // The handle keeps the focus, so that it can be moved on.
  await eventually(() => handle.evaluate(button => document.activeElement === button), true)
  await a.page.keyboard.press('ArrowUp')
  await eventually(() => b.taskTexts(), ['flax', 'red wool, dyed', 'silk'])

  const from = await b.page.getByLabel('Move silk').boundingBox()
  const to = await b.page.getByLabel('Move flax').boundingBox()
  await b.page.mouse.move(from.x + 5, from.y + from.height / 2)
  await b.page.mouse.down()
  await b.page.mouse.move(to.x + 5, to.y + 2, { steps: 12 })
  await b.page.mouse.up()
  for (const tab of [a, b]) await eventually(() => tab.taskTexts(), ['silk', 'flax', 'red wool, dyed'])

  await b.page.getByLabel('Delete flax').click()
  await eventually(() => a.taskTexts(), ['silk', 'red wool, dyed'])
  await b.page.getByLabel('Delete red wool, dyed').focus()
  await b.page.keyboard.press('Enter')
  await b.page.keyboard.press('Enter')
  await eventually(() => a.taskTexts(), [])
  await b.stands('saved')
})

test('the board: drawn with pointer and keys, undone by who drew it, cleared after a question', { timeout: TEST_MS }, async t => {
  const { a, b } = await pair(t)
  await a.draw([0.1, 0.1], [0.3, 0.1])
  await b.draw([0.5, 0.9], [0.9, 0.9])
  for (const tab of [a, b]) {
    await eventually(() => tab.strokes(), 2)
    await eventually(() => tab.ink([0.2, 0.1]), true)
    await eventually(() => tab.ink([0.7, 0.9]), true)
    assert.equal(await tab.ink([0.5, 0.5]), false)
  }
  await a.page.locator('.paper .pointer .peer-name').waitFor()

  // Undoing takes one's own away, not the latest.
  await a.page.getByRole('button', { name: 'Undo', exact: true }).click()
  await eventually(() => b.strokes(), 1)
  await eventually(() => b.ink([0.2, 0.1]), false)
  assert.equal(await b.ink([0.7, 0.9]), true)
  assert.equal(await a.page.getByRole('button', { name: 'Undo', exact: true }).isDisabled(), true)

  await a.board.focus()
  for (const key of ['Space', 'Shift+ArrowLeft', 'Shift+ArrowLeft', 'Space', 'Shift+ArrowUp']) await a.page.keyboard.press(key)
  await eventually(() => b.strokes(), 2)
  await eventually(() => b.ink([0.45, 0.5]), true)
  assert.equal(await b.ink([0.375, 0.42]), false)

  await a.page.getByRole('button', { name: 'Clear…' }).click()
  await a.page.getByRole('button', { name: 'Keep it' }).click()
  assert.equal(await a.strokes(), 2)
  await a.page.getByRole('button', { name: 'Clear…' }).click()
  await a.page.getByRole('button', { name: 'Clear the board' }).click()
  await eventually(() => b.strokes(), 0)
  await eventually(() => b.ink([0.7, 0.9]), false)
  await a.page.getByRole('button', { name: 'Undo', exact: true }).click()
  await eventually(() => b.strokes(), 2)
})

test('who goes offline works on alone, and nothing of either side is lost when both meet again', { timeout: TEST_MS }, async t => {
  const { a, b } = await pair(t)
  await a.type('begun together. ')
  await b.shows('begun together. ')
  await a.online(false)
  await a.stands('offline')
  await b.page.getByText('Nobody else is here').waitFor()
  await a.type('AAA ')
  await a.addTask('from a')
  await a.draw([0.1, 0.2], [0.6, 0.2])
  await b.type('BBB ')
  await b.addTask('from b')
  await b.draw([0.1, 0.8], [0.6, 0.8])
  await b.stands('saved')
  assert.match(await a.mark.textContent(), /\d+ changes wait here/)
  assert.equal(await a.text(), 'begun together. AAA ')
  assert.equal(await b.text(), 'begun together. BBB ')
  assert.deepEqual([await a.strokes(), await b.strokes()], [1, 1])
  await a.online(true)
  for (const tab of [a, b]) {
    await tab.shows(/^begun together\. (AAA BBB|BBB AAA) $/)
    await eventually(async () => (await tab.taskTexts()).sort(), ['from a', 'from b'])
    await eventually(() => tab.strokes(), 2)
    await tab.stands('saved')
  }
  assert.equal(await a.text(), await b.text())
  assert.deepEqual(await a.taskTexts(), await b.taskTexts())
})

test('documents are apart, and a link leads to the same one', { timeout: TEST_MS }, async t => {
  const { server, person, a } = await pair(t)
  const name = 'notes/Größe & 50%'
  const other = await playground(person, server, name)
  await other.type('elsewhere')
  await other.stands('saved')
  assert.equal(await a.text(), '')
  const [tab] = await Promise.all([
    person.context.waitForEvent('page'),
    other.page.getByRole('link', { name: 'Open in a second tab' }).click()
  ])
  assert.equal(new URL(tab.url()).searchParams.get('document'), name)
  await tab.getByRole('textbox', { name: 'Shared text' }).getByText('elsewhere').waitFor()
  const byHash = await person.open(`${server.control}/play#${encodeURIComponent(name)}`)
  await byHash.getByRole('textbox', { name: 'Shared text' }).getByText('elsewhere').waitFor()
  await person.context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await other.page.getByRole('button', { name: 'Copy link' }).click()
  await eventually(() => other.page.evaluate(() => navigator.clipboard.readText()), tab.url())
  const none = await person.open(`${server.control}/play?document=%00`)
  await none.getByRole('heading', { name: 'No such document' }).waitFor()
})

test('a long text scrolls in its place, and moves nothing else', { timeout: TEST_MS }, async t => {
  const server = await start(t, { dataDir: dataFolder(t), shards: 2 })
  const person = await somebody(t)
  const tab = await playground(person, server)
  await tab.stands('saved')
  const height = () => tab.page.evaluate(() => document.documentElement.scrollHeight)
  const before = await height()
  await tab.editor.focus()
  await tab.page.keyboard.insertText(Array.from({ length: 500 }, (_, line) => `line ${line}`).join('\n'))
  await tab.editor.getByText('line 499').waitFor()
  await tab.stands('saved')
  assert.equal(await height(), before)
  const { height: editor } = await tab.page.locator('.editor').boundingBox()
  assert.ok(editor >= 400 && editor < 900, `the editor has ${editor} pixels`)
})
