/** How somebody else, or a second tab, gets to this document. */
import { useState } from 'preact/hooks'
import { linkTo } from './address'

export function Share({ name }: { name: string }) {
  const link = linkTo(name, location)
  const [copied, setCopied] = useState<'no' | 'yes' | 'by hand'>('no')
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(link)
      setCopied('yes')
      setTimeout(() => setCopied('no'), 2_000)
    } catch {
      // Browsers give the clipboard to pages of this machine or with TLS only.
      setCopied('by hand')
    }
  }
  return (
    <div class="share">
      {copied === 'by hand' && (
        <input aria-label="Link to this document" readOnly value={link} ref={field => field?.select()} onBlur={() => setCopied('no')} />
      )}
      <button type="button" onClick={() => void copy()}>
        {copied === 'yes' ? 'Copied' : 'Copy link'}
      </button>
      {/* With an opener the tab has a copy of this one's storage, and the token in it. */}
      <a class="button primary" href={link} target="_blank" rel="opener">
        Open in a second tab
      </a>
    </div>
  )
}
