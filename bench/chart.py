"""The bar chart of each ratio relative to its line."""

from html import escape

WIDTH, LEFT, RIGHT, BAR, GAP = 900, 400, 110, 20, 12
FURTHEST = 2
COLOURS = {True: "#c0504d", False: "#3a7d5c"}


def svg(about, rows):
    """Returns a chart of `rows` (what, line, stretch, ratio, missed); bars end at twice their line."""
    scale = (WIDTH - LEFT - RIGHT) / FURTHEST
    height = 70 + len(rows) * (BAR + GAP)
    at_line = LEFT + scale
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="10" y="18" font-size="11" fill="#666">{escape(about)}</text>',
        f'<text x="{at_line:.0f}" y="40" text-anchor="middle" fill="#444">the line</text>',
    ]
    for number, (what, line, stretch, ratio, missed) in enumerate(rows):
        top = 50 + number * (BAR + GAP)
        middle = top + BAR * 0.72
        length = scale * min(ratio / line, FURTHEST)
        parts.append(f'<text x="{LEFT - 8}" y="{middle:.0f}" text-anchor="end">{escape(what)}</text>')
        parts.append(f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="{BAR}" fill="{COLOURS[missed]}"/>')
        if stretch and stretch <= FURTHEST * line:
            mark = LEFT + scale * stretch / line
            parts.append(f'<path d="M{mark:.1f} {top - 2}v{BAR + 4}" stroke="#999" stroke-dasharray="3 2"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 10}" y="{middle:.0f}">{ratio:.2f} of {line:.2f}</text>')
    parts.append(f'<path d="M{at_line:.1f} 46V{height - 18}" stroke="#222" stroke-width="1.5"/>')
    parts.append(f'<text x="{LEFT}" y="{height - 5}" font-size="11" fill="#666">dashed: the stretch</text></svg>')
    return "\n".join(parts) + "\n"
