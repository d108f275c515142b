# Sourced: `stage NAME COMMAND …` runs a stage, tells how it ended and how long it took, and remembers it in `failed`.
failed=()
stage() {
  local name=$1 began=$SECONDS
  shift
  printf '\n==== %s\n' "$name"
  if "$@"; then
    printf '==== %s: passed (%d s)\n' "$name" $((SECONDS - began))
  else
    printf '==== %s: FAILED (%d s)\n' "$name" $((SECONDS - began))
    failed+=("$name")
    return 1
  fi
}
