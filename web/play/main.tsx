/** The playground: what somebody sees who tries the server, at /play. */
import { render } from 'preact'
import '../look/base.css'
import './play.css'
import { seen } from '../look/names'
import { defaultName, documentName } from './address'
import { Playground } from './Playground'
import { Session } from './session'

function NoDocument() {
  return (
    <main class="no-document">
      <h1>No such document</h1>
      <p>The name of a document has 1 to 256 bytes and no control characters, and is neither one dot nor two.</p>
      <p>
        <a href={`/play?document=${defaultName}`}>Open the playground</a>
      </p>
    </main>
  )
}

const name = documentName(location)
const page = document.getElementById('page')
if (page !== null && name === undefined) render(<NoDocument />, page)
if (page !== null && name !== undefined) {
  if (name !== defaultName) document.title = `${seen(name.slice(0, 60))} · ${document.title}`
  const session = new Session(name)
  render(<Playground session={session} />, page)
  void session.start()
}
// Another document is another page.
addEventListener('hashchange', () => location.reload())
