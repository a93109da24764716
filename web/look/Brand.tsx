/** The name of the project and its mark, as a link to where a page begins. */
export function Brand({ href }: { href: string }) {
  return (
    <a class="brand" href={href}>
      <svg viewBox="0 0 32 32" aria-hidden="true">
        <path class="warp" d="M8 6v20M14 6v20M20 6v20" />
        <path class="weft" d="M5 11h18a3 3 0 0 1 0 6H9a3 3 0 0 0 0 6h18" />
      </svg>
      Selvedge
    </a>
  )
}
