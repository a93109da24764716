/** The dashboard: what an operator sees at /. */
import { render } from 'preact'
import '../look/base.css'
import { ThemeSwitch } from '../look/ThemeSwitch'

function Page() {
  return (
    <main>
      <h1>Selvedge</h1>
      <ThemeSwitch />
    </main>
  )
}

const page = document.getElementById('page')
if (page) render(<Page />, page)
