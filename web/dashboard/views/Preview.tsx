/** What a document says now, as JSON or as text. Loaded when somebody asks: building a document is work. */
import { useId, useState } from 'preact/hooks'
import { documentPath, text } from '../api/client'
import { Standing } from '../parts/Notice'
import { useLoaded } from '../parts/loaded'
import { clip } from '../text'

/** The most that is fetched, and the most that is shown. */
const fetchedBytesMax = 512 * 1024
const shownCharactersMax = 100_000

const kinds = [
  ['json', 'JSON', 'application/json'],
  ['text', 'Text', 'text/plain'],
] as const
type Kind = (typeof kinds)[number][0]

export function Preview({ document, turn }: { document: string; turn: string }) {
  const [kind, setKind] = useState<Kind | null>(null)
  return (
    <section aria-labelledby="preview-title">
      <div class="section-head">
        <h2 id="preview-title">Content</h2>
        <div class="actions">
          {kinds.map(([name, label]) => (
            <button
              key={name}
              type="button"
              aria-pressed={kind === name}
              onClick={() => {
                setKind(kind === name ? null : name)
              }}
            >
              {label}
            </button>
          ))}
        </div>
      </div>
      {kind !== null && <Content document={document} kind={kind} turn={turn} />}
    </section>
  )
}

function Content({ document, kind, turn }: { document: string; kind: Kind; turn: string }) {
  const id = useId()
  const accept = kinds.find(([name]) => name === kind)?.[2] ?? 'application/json'
  const content = useLoaded(
    signal => text(`${documentPath(document)}/content`, fetchedBytesMax, { signal, accept }),
    `${document} ${kind}`,
    turn,
  )
  if (content.value === null) return <Standing of={content} what="the content" />
  const whole = kind === 'json' ? indented(content.value.text) : content.value.text
  const shown = clip(whole, shownCharactersMax, true)
  return (
    <>
      <Standing of={content} what="the content" />
      <pre class="content" tabIndex={0} role="group" aria-label={`Content as ${kind === 'json' ? 'JSON' : 'text'}`} aria-describedby={id}>
        {shown === '' ? 'It is empty.' : shown}
      </pre>
      <p id={id} class="soft">
        {!content.value.isWhole || shown.endsWith('…') ? 'Only the start is shown.' : ''}
      </p>
    </>
  )
}

function indented(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2)
  } catch {
    // The start of a long one.
    return json
  }
}
