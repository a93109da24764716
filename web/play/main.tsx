/** The playground: what somebody sees who tries the server, at /play. */
import { render } from 'preact'
import '../look/base.css'
import { ThemeSwitch } from '../look/ThemeSwitch'

function Page() {
  return (
    <main>
      <h1>Playground</h1>
      <ThemeSwitch />
    </main>
  )
}

const page = document.getElementById('page')
if (page) render(<Page />, page)
