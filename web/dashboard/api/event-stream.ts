/** The lines of server-sent events (HTML, section 9.2.6), from text in any pieces. Knows neither where they come from nor what they mean. */

export interface ServerEvent {
  name: string
  data: string
  /** Of the last event that had one: where a stream goes on. Empty where none had. */
  id: string
}

/** More characters than any event of ours has, a status of hundreds of cores included. */
const eventCharactersMax = 4 * 1024 * 1024

export class TooLong extends Error {}

export class EventStream {
  private rest = ''
  private isFirst = true
  private endedWithReturn = false
  private name = ''
  private id = ''
  private lines: string[] = []
  private characters = 0

  /** Takes a piece and gives the events that it completes. */
  push(piece: string): ServerEvent[] {
    if (this.isFirst && piece !== '') {
      this.isFirst = false
      if (piece.startsWith('\ufeff')) piece = piece.slice(1)
    }
    // A line may end in CR LF that two pieces share.
    if (this.endedWithReturn && piece.startsWith('\n')) piece = piece.slice(1)
    if (piece !== '') this.endedWithReturn = piece.endsWith('\r')
    const lines = (this.rest + piece).split(/\r\n|\n|\r/)
    this.rest = lines.pop() ?? ''
    if (this.rest.length + this.characters > eventCharactersMax) throw new TooLong()
    const events: ServerEvent[] = []
    for (const line of lines) {
      if (line === '') {
        const event = this.dispatch()
        if (event) events.push(event)
      } else {
        this.take(line)
      }
    }
    return events
  }

  private take(line: string): void {
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (field === 'event') this.name = value
    else if (field === 'id' && !value.includes('\0')) this.id = value
    else if (field === 'data') {
      this.characters += value.length + 1
      if (this.characters > eventCharactersMax) throw new TooLong()
      this.lines.push(value)
    }
    // A comment, or a field of the future.
  }

  private dispatch(): ServerEvent | null {
    const event = this.lines.length > 0 ? { name: this.name || 'message', data: this.lines.join('\n'), id: this.id } : null
    this.name = ''
    this.lines = []
    this.characters = 0
    return event
  }
}
