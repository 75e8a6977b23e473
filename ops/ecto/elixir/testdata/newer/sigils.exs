~SQL[select 1]
~HTML"""
<b>#{raw}</b>
"""
~A1(x)m
