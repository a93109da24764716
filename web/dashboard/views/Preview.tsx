/** What a document says now, when somebody asks. */
import { useState } from 'preact/hooks'
import { documentPath } from '../api/client'
import { Content, type Kind, Kinds } from './Content'

export function Preview({ document, turn }: { document: string; turn: string }) {
  const [kind, setKind] = useState<Kind | null>(null)
  return (
    <section aria-labelledby="preview-title">
      <div class="section-head">
        <h2 id="preview-title">Content</h2>
        <div class="actions">
          <Kinds
            kind={kind}
            choose={chosen => {
              setKind(kind === chosen ? null : chosen)
            }}
          />
        </div>
      </div>
      {kind !== null && <Content path={`${documentPath(document)}/content`} kind={kind} turn={turn} />}
    </section>
  )
}
