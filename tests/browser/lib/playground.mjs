// The playground as somebody uses it: what is on the page, by what it is for.
import { expectText } from './wait.mjs'

/** Opens a document in a tab. */
export async function playground (somebody, server, name = 'playground') {
  const page = await somebody.open(`${server.control}/play?document=${encodeURIComponent(name)}`)
  return new Tab(page)
}

export class Tab {
  constructor (page) {
    this.page = page
    this.editor = page.getByRole('textbox', { name: 'Shared text' })
    this.mark = page.locator('[data-standing]')
    this.tasks = page.getByRole('list', { name: 'To-do items' }).getByRole('listitem')
    this.board = page.getByRole('application', { name: /Drawing board/ })
  }

  /** The mark says this. */
  async stands (...kinds) {
    await this.page.waitForFunction(wanted => wanted.includes(document.querySelector('[data-standing]')?.dataset.standing), kinds)
  }

  standing () { return this.mark.getAttribute('data-standing') }

  async text () { return (await this.editor.locator('.cm-line').evaluateAll(lines => lines.map(line => {
    const copy = line.cloneNode(true)
    copy.querySelectorAll('.peer-caret, .cm-placeholder').forEach(one => one.remove())
    return copy.textContent
  }))).join('\n') }

  /** Types at the end of the text. */
  async type (text) {
    await this.editor.focus()
    await this.page.keyboard.press('ControlOrMeta+End')
    await this.page.keyboard.type(text)
  }

  shows (text) { return expectText(() => this.text(), text) }

  async online (wanted) {
    await this.page.getByRole('switch', { name: 'Go offline' }).setChecked(!wanted)
  }

  async addTask (text) {
    await this.page.getByLabel('New item').fill(text)
    await this.page.getByRole('button', { name: 'Add', exact: true }).click()
  }

  async taskTexts () {
    return this.tasks.evaluateAll(items => items.map(item => item.querySelector('.task-text')?.value ?? item.querySelector('.fixed')?.textContent))
  }

  /** A line on the board from one corner of a box to the other, in parts of its size. */
  async draw (from, to) {
    // A tab behind another hears of its mouse with delays of a second.
    await this.page.bringToFront()
    const { x, y, width, height } = await this.board.boundingBox()
    const at = ([partX, partY]) => [x + width * partX, y + height * partY]
    await this.page.mouse.move(...at(from))
    await this.page.mouse.down()
    await this.page.mouse.move(...at(to), { steps: 8 })
    await this.page.mouse.up()
  }

  async strokes () { return Number(/(\d+) stroke/.exec(await this.board.getAttribute('aria-label'))[1]) }

  /** Whether there is ink around a place of the board. */
  ink ([partX, partY]) {
    return this.page.locator('.paper canvas').evaluate((canvas, [x, y]) => {
      const side = 12
      const copy = new OffscreenCanvas(side, side).getContext('2d', { willReadFrequently: true })
      copy.drawImage(canvas, canvas.width * x - side / 2, canvas.height * y - side / 2, side, side, 0, 0, side, side)
      const pixels = copy.getImageData(0, 0, side, side).data
      return pixels.some((value, index) => index % 4 === 3 && value > 0)
    }, [partX, partY])
  }
}
