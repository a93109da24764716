/** The shared text. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { Editor } from './editor'
import type { Session } from './session'

/** Of a text that cannot be edited here so much is shown. */
const shownMax = 20_000

export function Text({ session }: { session: Session }) {
  const host = useRef<HTMLDivElement>(null)
  const editor = useRef<Editor>(undefined)
  const [foreign, setForeign] = useState<string | undefined>()
  const text = session.doc.getText('text')

  useEffect(() => {
    if (host.current === null) return
    const made = new Editor(host.current, text, { select: cursor => session.select(cursor), foreign: setForeign })
    editor.current = made
    const stops = [
      session.peers.subscribe(({ peers }) => made.show(peers)),
      session.readonly.subscribe(isReadonly => made.setReadonly(isReadonly)),
    ]
    return () => {
      for (const stop of stops) stop()
      made.destroy()
    }
  }, [session, text])

  return (
    <section class="card text" aria-labelledby="text-title" onFocusIn={() => session.at('text')}>
      <h2 id="text-title">Text</h2>
      <div class="editor" ref={host} hidden={foreign !== undefined} />
      {foreign !== undefined && (
        <div class="foreign">
          <p>This text holds more than characters (another program put it there). It is shown, and cannot be edited here.</p>
          <pre dir="auto">{foreign.slice(0, shownMax)}</pre>
        </div>
      )}
    </section>
  )
}
