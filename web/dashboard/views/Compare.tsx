/** What changed between a version and another, or now. */
import { useId, useState } from 'preact/hooks'
import { json } from '../api/client'
import { type Comparison, parse, type RootChange, type TextPiece, units, type ValueChange } from '../comparison'
import { count } from '../format'
import { Empty, Standing } from '../parts/Notice'
import { Sheet } from '../parts/Sheet'
import { useLoaded } from '../parts/loaded'
import { label, type Version } from './Versions'

interface Props {
  path: string
  version: Version
  versions: readonly Version[]
  /** Of the document as it is now: what is compared with now is compared anew when this changes. */
  sequence: number | null
  /** Of clients that are there now. */
  names: ReadonlyMap<string, string>
  close: () => void
}

const current = 'current'

export function Compare({ path, version, versions, sequence, names, close }: Props) {
  const [to, setTo] = useState(current)
  const id = useId()
  const query = new URLSearchParams({ to })
  const comparison = useLoaded(
    async signal => parse(await json(`${path}/${encodeURIComponent(version.id)}/compare?${query}`, { signal })),
    `${path} ${version.id} ${to}`,
    to === current ? `${sequence}` : '',
  )
  const { value } = comparison
  return (
    <Sheet
      title={`What changed since ${label(version)}`}
      tools={
        <>
          <label for={id}>up to</label>
          <select
            id={id}
            value={to}
            onChange={event => {
              setTo(event.currentTarget.value)
            }}
          >
            <option value={current}>now</option>
            {versions
              .filter(other => other.id !== version.id)
              .map(other => (
                <option key={other.id} value={other.id}>
                  {label(other)}
                </option>
              ))}
          </select>
        </>
      }
      close={close}
    >
      <Standing of={comparison} what="the comparison" />
      {value?.roots.length === 0 && <Empty>The content is the same.</Empty>}
      {value && <Authors comparison={value} names={names} />}
      {value?.roots.map((root, at) => (
        <Root key={at} change={root} />
      ))}
    </Sheet>
  )
}

/** A client is known by what it says of itself while it is there, and by a number afterwards. */
function Authors({ comparison: { clients, deleted, roots }, names }: { comparison: Comparison; names: ReadonlyMap<string, string> }) {
  if (clients.length === 0 && deleted === 0) return null
  const named = (client: string) => {
    const name = names.get(client)
    return name === undefined ? `client ${client}` : `${name} (client ${client})`
  }
  return (
    <p class="soft">
      {clients.length > 0 && (
        <>Written by {clients.map(({ client, inserted }) => `${named(client)}: ${units(inserted, roots)}`).join(', ')}. </>
      )}
      {deleted > 0 && <>{units(deleted, roots)} deleted.</>}
    </p>
  )
}

function Root({ change }: { change: RootChange }) {
  const { root, type, state, text, values, left } = change
  return (
    <article class="change">
      <h4>
        <code>{root ?? '(no name)'}</code> <span class="soft">{type.replaceAll('_', ' ')}</span>{' '}
        <span class={`badge ${state === 'added' ? 'good' : state === 'removed' ? 'bad' : ''}`}>{state}</span>
      </h4>
      <Text pieces={text} />
      {values.map((value, at) => (
        <Value key={at} change={value} />
      ))}
      {left > 0 && <p class="soft">{count(left)} more changes are not shown.</p>}
    </article>
  )
}

function Text({ pieces }: { pieces: readonly TextPiece[] }) {
  if (pieces.length === 0) return null
  return (
    <pre class="content">
      {pieces.map((piece, at) => (
        <Piece key={at} piece={piece} />
      ))}
    </pre>
  )
}

function Piece({ piece }: { piece: TextPiece }) {
  switch (piece.kind) {
    case 'same':
      return (
        <span class="unchanged">
          {piece.text ?? ` … ${count(piece.length)} ${piece.length === 1 ? 'character' : 'characters'} as before … `}
        </span>
      )
    case 'added':
      return <ins>{piece.text}</ins>
    case 'removed':
      return <del>{piece.text}</del>
  }
}

function Value({ change: { path, before, after, pieces } }: { change: ValueChange }) {
  return (
    <div class="value">
      {path !== '' && <code>{path}</code>}
      {before !== null && (
        <pre>
          <del>{before}</del>
        </pre>
      )}
      {after !== null && (
        <pre>
          <ins>{after}</ins>
        </pre>
      )}
      <Text pieces={pieces} />
    </div>
  )
}
