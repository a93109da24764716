/** What a version says. */
import { useState } from 'preact/hooks'
import { Sheet } from '../parts/Sheet'
import { Content, type Kind, Kinds } from './Content'
import { label, type Version } from './Versions'

export function View({ path, version, close }: { path: string; version: Version; close: () => void }) {
  const [kind, setKind] = useState<Kind>('text')
  return (
    <Sheet title={`What ${label(version)} says`} tools={<Kinds kind={kind} choose={setKind} />} close={close}>
      <Content path={`${path}/${encodeURIComponent(version.id)}/content`} kind={kind} />
    </Sheet>
  )
}
