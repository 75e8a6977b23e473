defmodule OrchardWeb.LayoutView do
  use(OrchardWeb, :view)

  # Phoenix LiveDashboard may be there or not.
  @compile({:no_warn_undefined, {Routes, :live_dashboard_path, 2}})
end
