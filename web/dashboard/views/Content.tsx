/** What is in a document, or in a version of it, as JSON or as text. Building it is work: it is fetched when somebody asks. */
import { useId } from 'preact/hooks'
import { text } from '../api/client'
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
export type Kind = (typeof kinds)[number][0]

/** One button for each kind. */
export function Kinds({ kind, choose }: { kind: Kind | null; choose: (kind: Kind) => void }) {
  return (
    <>
      {kinds.map(([name, label]) => (
        <button
          key={name}
          type="button"
          aria-pressed={kind === name}
          onClick={() => {
            choose(name)
          }}
        >
          {label}
        </button>
      ))}
    </>
  )
}

/** `path` is where it is had from; with another `turn` it is fetched anew. */
export function Content({ path, kind, turn = '' }: { path: string; kind: Kind; turn?: string }) {
  const id = useId()
  const accept = kinds.find(([name]) => name === kind)?.[2] ?? 'application/json'
  const content = useLoaded(signal => text(path, fetchedBytesMax, { signal, accept }), `${path} ${kind}`, turn)
  if (content.value === null) return <Standing of={content} what="the content" />
  const whole = kind === 'json' ? indented(content.value.text) : content.value.text
  const shown = clip(whole, shownCharactersMax, true)
  return (
    <>
      <Standing of={content} what="the content" />
      <pre class="content" tabIndex={0} role="group" aria-label={`Content as ${kind === 'json' ? 'JSON' : 'text'}`} aria-describedby={id}>
        {shown === '' ? (kind === 'text' ? 'It has no text.' : 'It is empty.') : shown}
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
