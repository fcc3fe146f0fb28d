"""The ratios as bars, with the place of each bar's aim: SVG by hand, for one picture."""
from xml.sax.saxutils import escape

LEFT, WIDTH, STEP = 330, 400, 22


def ratios(found, cases):
    bars = [b for c in cases for b in c.bars if b.name in found]
    height = STEP * (len(bars) + 1)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 70}" height="{height}"'
           ' font-family="sans-serif" font-size="12">',
           f'<rect width="100%" height="{height}" fill="white"/>']
    for i, b in enumerate(bars):
        y = STEP * i + 8
        value = found[b.name]
        aim = b.least if b.least is not None else b.most
        full = max(aim, value) * 1.05 or 1  # each line has a scale of its own
        colour = "#4a7" if b.met(value) else "#c75"
        x = LEFT + WIDTH * aim / full
        out += [f'<text x="{LEFT - 8}" y="{y + 11}" text-anchor="end">{escape(b.name)}</text>',
                f'<rect x="{LEFT}" y="{y}" width="{WIDTH * value / full:.1f}" height="14"'
                f' fill="{colour}"/>',
                f'<line x1="{x:.1f}" y1="{y - 2}" x2="{x:.1f}" y2="{y + 16}" stroke="black"/>',
                f'<text x="{LEFT + WIDTH + 8}" y="{y + 11}">{escape(text(value))}</text>']
    return "\n".join(out + ["</svg>"]) + "\n"


def text(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
